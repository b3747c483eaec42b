package conformance

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/backplane-go/backplane/transport"
)

// overwrite writes over p as somebody does to whom it belongs. It leaves out what would only take time.
func overwrite(p []byte) {
	p = p[:cap(p)]
	for i := 0; i < len(p); i += 1 + len(p)/64 {
		p[i] = '!'
	}
}

// reader receives from one session, and knows what has to come.
type reader struct {
	*traffic
	name     string
	session  transport.Session
	channels map[string]bool
	next     []atomic.Int64 // by stream, the number of the message that has to come next
	kept     [256]kept      // what was received last
	received int
}

// kept is a message that is looked at again later: nobody else may have written into it.
type kept struct {
	i, n    int
	payload []byte
}

// advance sets what has to come next of stream i: the first message from n on that the session listens to.
func (r *reader) advance(i, n int) {
	f := r.streams[i]
	for n < f.count && !r.channels[f.stream.channels[f.channel(n)]] {
		n++
	}
	r.next[i].Store(int64(n))
	select {
	case f.room <- struct{}{}:
	default:
	}
}

// complete tells whether everything has come.
func (r *reader) complete() bool {
	for i, f := range r.streams {
		if int(r.next[i].Load()) < f.count {
			return false
		}
	}
	return true
}

func (r *reader) receive(ctx context.Context) *finding {
	for !r.complete() {
		m, err := r.session.Receive(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return r.found("nothing for %v: lost", r.patience)
		case err != nil:
			return r.found("the error %q", err)
		}
		r.moved.Add(1)
		i, n, ok := r.expected(m)
		if !ok {
			return r.judge(ctx, m)
		}
		r.received++
		r.advance(i, n+1)
		if f := r.keep(i, n, m.Payload); f != nil {
			return f
		}
	}
	return nil
}

// expected tells which message m is, if it is one that has to come next.
func (r *reader) expected(m transport.Message) (i, n int, ok bool) {
	for i, f := range r.streams {
		n := int(r.next[i].Load())
		if n < f.count && m.Channel == f.stream.channels[f.channel(n)] && f.is(n, m.Payload) {
			return i, n, true
		}
	}
	return 0, 0, false
}

// keep looks at an earlier message again and overwrites it, and keeps this one in its place.
func (r *reader) keep(i, n int, payload []byte) *finding {
	slot := &r.kept[r.received%len(r.kept)]
	if old := *slot; old.payload != nil {
		if !r.streams[old.i].is(old.n, old.payload) {
			return r.found("%s, which has changed since it was received: it is %s now", r.describe(old.i, old.n), quote(string(old.payload)))
		}
		overwrite(old.payload)
	}
	*slot = kept{i, n, payload}
	return nil
}

// found says what came instead of what had to.
func (r *reader) found(format string, args ...any) *finding {
	wanted := "nothing more"
	for i, f := range r.streams {
		if n := int(r.next[i].Load()); n < f.count {
			wanted = r.describe(i, n)
			break
		}
	}
	return r.foundInstead(wanted, format, args...)
}

func (r *reader) foundInstead(wanted, format string, args ...any) *finding {
	return &finding{fmt.Sprintf("%s; %s, Receive %d", r.called, r.name, r.received), wanted, fmt.Sprintf(format, args...)}
}

// describe describes message n of stream i.
func (r *reader) describe(i, n int) string {
	f := r.streams[i]
	publisher := ""
	if len(r.streams) > 1 {
		publisher = fmt.Sprintf(" of publisher %d", i+1)
	}
	return fmt.Sprintf("message %d%s, of %d bytes on %s", n, publisher, f.size(n), quote(f.stream.channels[f.channel(n)]))
}
