package conformance

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/backplane-go/backplane/transport"
)

// overwrite writes over p, as its owner may do. To save time, it changes only some bytes of a large p.
func overwrite(p []byte) {
	p = p[:cap(p)]
	for i := 0; i < len(p); i += 1 + len(p)/64 {
		p[i] = '!'
	}
}

// reader receives from one session and compares with what must arrive.
type reader struct {
	*traffic
	name     string
	session  transport.Session
	channels map[string]bool
	next     []atomic.Int64   // by sequence: the number of the next message that must arrive
	recent   [256]keptPayload // the messages that were received last
	received int
}

// keptPayload is a received payload to look at again later: nobody else may have written into it.
type keptPayload struct {
	i, n    int
	payload []byte
}

// advance sets the next expected message of sequence i: the first message from n on that the session listens
// to.
func (r *reader) advance(i, n int) {
	f := r.sequences[i]
	for n < f.count && !r.channels[f.sequence.channels[f.channel(n)]] {
		n++
	}
	r.next[i].Store(int64(n))
	select {
	case f.roomFreed <- struct{}{}:
	default:
	}
}

// complete tells whether everything has arrived.
func (r *reader) complete() bool {
	for i, f := range r.sequences {
		if int(r.next[i].Load()) < f.count {
			return false
		}
	}
	return true
}

func (r *reader) receiveAll(ctx context.Context) *problem {
	for !r.complete() {
		m, err := r.session.Receive(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return r.problem("no message for %v: it is lost", r.patience)
		case err != nil:
			return r.problem("the error %q", err)
		}
		r.progress.Add(1)
		i, n, ok := r.isNext(m)
		if !ok {
			return r.diagnose(ctx, m)
		}
		r.received++
		r.advance(i, n+1)
		if f := r.recheckAndKeep(i, n, m.Payload); f != nil {
			return f
		}
	}
	return nil
}

// isNext tells which message m is, if it is the next message of a sequence.
func (r *reader) isNext(m transport.Message) (i, n int, ok bool) {
	for i, f := range r.sequences {
		n := int(r.next[i].Load())
		if n < f.count && m.Channel == f.sequence.channels[f.channel(n)] && f.matches(n, m.Payload) {
			return i, n, true
		}
	}
	return 0, 0, false
}

// recheckAndKeep checks and overwrites an earlier message, and keeps this one in its place.
func (r *reader) recheckAndKeep(i, n int, payload []byte) *problem {
	slot := &r.recent[r.received%len(r.recent)]
	if old := *slot; old.payload != nil {
		if !r.sequences[old.i].matches(old.n, old.payload) {
			return r.problem("%s, which has changed since it was received: it is %s now", r.describe(old.i, old.n),
				quote(string(old.payload)))
		}
		overwrite(old.payload)
	}
	*slot = keptPayload{i, n, payload}
	return nil
}

// problem describes what came instead of the expected message.
func (r *reader) problem(format string, args ...any) *problem {
	wanted := "no more messages"
	for i, f := range r.sequences {
		if n := int(r.next[i].Load()); n < f.count {
			wanted = r.describe(i, n)
			break
		}
	}
	return r.problemInstead(wanted, format, args...)
}

func (r *reader) problemInstead(wanted, format string, args ...any) *problem {
	return &problem{fmt.Sprintf("%s; %s, Receive %d", r.called, r.name, r.received), wanted,
		fmt.Sprintf(format, args...)}
}

// describe describes message n of sequence i.
func (r *reader) describe(i, n int) string {
	f := r.sequences[i]
	publisher := ""
	if len(r.sequences) > 1 {
		publisher = fmt.Sprintf(" of publisher %d", i+1)
	}
	return fmt.Sprintf("message %d%s, of %d bytes on %s", n, publisher, f.size(n),
		quote(f.sequence.channels[f.channel(n)]))
}
