package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// A traffic is streams that are published and sessions that have to receive them, all at the same time. No more is on its way at
// once than one batch or window bytes: a bus need not have room for all.
type traffic struct {
	*busCase
	called    string
	streams   []*flow
	readers   []*reader
	moved     atomic.Int64 // counts whatever happens, so that silence is seen
	publishes atomic.Int32 // how many are under way

	// limit is how long all may take, and inTime what is wanted in that time. 0 is no limit but the patience for each step.
	limit  time.Duration
	inTime string
}

// window is how many bytes are on their way at once, unless one batch has more.
const window = 2 << 20

// flow is a stream on its way.
type flow struct {
	*stream
	buses   []transport.Bus // they publish the batches in turn
	batches []int           // how many messages are in each
	count   int             // the sum of batches
	room    chan struct{}   // has an element when a reader has received something
}

// finding is what is wrong.
type finding struct{ called, wanted, came string }

// publish makes a stream part of the traffic. Batches are published by the buses in turn.
func (t *traffic) publish(s *stream, batches []int, buses ...transport.Bus) {
	f := &flow{stream: s, buses: buses, batches: batches, room: make(chan struct{}, 1)}
	for _, n := range batches {
		f.count += n
	}
	t.streams = append(t.streams, f)
}

// read makes a session part of the traffic that listens to channels. All streams have to be there already.
func (t *traffic) read(name string, s transport.Session, channels ...string) {
	r := &reader{traffic: t, name: name, session: s, channels: make(map[string]bool)}
	for _, channel := range channels {
		r.channels[t.channel(channel)] = true
	}
	r.next = make([]atomic.Int64, len(t.streams))
	for i := range t.streams {
		r.advance(i, 0)
	}
	t.readers = append(t.readers, r)
}

// run publishes and receives everything, or fails.
func (t *traffic) run() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	work := len(t.streams) + len(t.readers)
	findings := make(chan *finding, work)
	for i := range t.streams {
		t.work(findings, func() *finding { return t.send(ctx, i) })
	}
	for _, r := range t.readers {
		t.work(findings, func() *finding { return r.receive(ctx) })
	}
	t.does(t.called)

	var first *finding
	limit := make(<-chan time.Time)
	if t.limit > 0 {
		timer := time.NewTimer(t.limit)
		defer timer.Stop()
		limit = timer.C
	}
	moved, since := int64(-1), time.Now()
	ticker := time.NewTicker(max(t.patience/20, time.Millisecond))
	defer ticker.Stop()
	for work > 0 {
		select {
		case f := <-findings:
			work--
			if f != nil && first == nil {
				first = f
				cancel()
			}
			moved, since = -1, time.Now()
		case <-limit:
			if first == nil {
				first = &finding{t.called, t.inTime, fmt.Sprintf("only %d messages received by the other sessions in %v", t.moved.Load(), t.limit)}
				cancel()
			}
		case <-ticker.C:
			if now := t.moved.Load(); now != moved {
				moved, since = now, time.Now()
				t.does(t.called)
				continue
			}
			if time.Since(since) < t.patience {
				continue
			}
			switch {
			case ctx.Err() == nil:
				if t.publishes.Load() > 0 {
					first = &finding{t.called, "that Publish returns", fmt.Sprintf("nothing: it still waits after %v, while all sessions are received from", t.patience)}
				}
				cancel()
				since = time.Now()
			case first != nil:
				t.fail(first.called, first.wanted, "%s", first.came)
			default:
				t.fail(t.called, "that all calls return when their context has ended", "nothing: some still wait after %v", t.patience)
			}
		}
	}
	if first != nil {
		t.fail(first.called, first.wanted, "%s", first.came)
	}
}

// work calls f in the background. A panic is a finding too.
func (t *traffic) work(findings chan<- *finding, f func() *finding) {
	var found *finding
	done := t.background(func() error {
		found = f()
		return nil
	})
	go func() {
		if err := <-done; err != nil {
			found = &finding{t.called, "that calls return", err.Error()}
		}
		findings <- found
	}()
}

// send publishes a stream. What was published is overwritten: the bus must not need it any more.
func (t *traffic) send(ctx context.Context, i int) *finding {
	f := t.streams[i]
	var batch []transport.Message
	var bytes int64 // on their way
	sizes := make([]int32, f.count)
	n, acknowledged := 0, 0
	for turn, count := range f.batches {
		batch = batch[:min(len(batch), count)]
		for len(batch) < count {
			batch = append(batch, transport.Message{})
		}
		size := int64(0)
		for j := range batch {
			batch[j] = f.at(n+j, batch[j].Payload)
			sizes[n+j] = int32(len(batch[j].Payload))
			size += int64(sizes[n+j])
		}
		for acknowledged < n && bytes+size > window {
			for seen := t.seen(i, n); acknowledged < seen; acknowledged++ {
				bytes -= int64(sizes[acknowledged])
			}
			if acknowledged == n || bytes+size <= window {
				break
			}
			select {
			case <-f.room:
			case <-ctx.Done():
				return nil
			}
		}
		t.publishes.Add(1)
		err := f.buses[turn%len(f.buses)].Publish(ctx, batch...)
		t.publishes.Add(-1)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return &finding{t.called, "no error", fmt.Sprintf("the error %q of a batch of %d messages with %d bytes in all", err, count, size)}
		}
		t.moved.Add(1)
		for j := range batch {
			overwrite(batch[j].Payload)
		}
		n, bytes = n+count, bytes+size
	}
	return nil
}

// seen is up to which message all readers have what they have to get of stream i, of which n were published.
func (t *traffic) seen(i, n int) int {
	for _, r := range t.readers {
		n = min(n, int(r.next[i].Load()))
	}
	return n
}

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
			return r.wanting(ctx)
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

// wanting says what is missing when nothing comes any more. A check that has failed otherwise says nothing.
func (r *reader) wanting(ctx context.Context) *finding {
	if errors.Is(context.Cause(ctx), context.Canceled) && r.Context().Err() != nil {
		return nil
	}
	return r.found("nothing for %v: lost", r.patience)
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
