package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/backplane-go/backplane/transport"
)

// tail is a session that receives a stream from some message on and may end: then it has received a run without a gap, and a final error.
type tail struct {
	c        *busCase
	called   string
	session  transport.Session
	stream   *stream
	next     atomic.Int64     // the number of the next message
	target   atomic.Int64     // what next is waited to become
	arrived  chan struct{}    // has an element when next has become that
	doubtful func(n int) bool // tells whether message n need not come: its Publish has failed
	err      error            // final
}

// receive receives once. A context that ends is no finding.
func (t *tail) receive(ctx context.Context) *finding {
	m, err := t.session.Receive(ctx)
	if err != nil {
		switch {
		case !ofContext(err):
			t.err = err
		case ctx.Err() == nil:
			return t.found("a message, or an error that is not of a context", "the error %q", err)
		}
		return nil
	}
	id, n, ok := number(m.Payload)
	next := int(t.next.Load())
	switch {
	case !ok || id != t.stream.id || m.Channel != t.stream.channels[t.stream.channel(n)] || !t.stream.is(n, m.Payload):
		return t.found(fmt.Sprintf("message %d, or a final error", next), "%s, which nobody has published", show(m))
	case n < next:
		return t.found(fmt.Sprintf("message %d, or a final error", next), "message %d again: it was doubled, or is out of order", n)
	}
	for ; next < n; next++ {
		if t.doubtful == nil || !t.doubtful(next) {
			return t.found(fmt.Sprintf("message %d, or a final error", next), "message %d, although the one before is lost to this session", n)
		}
	}
	t.next.Store(int64(n + 1))
	if int64(n+1) >= t.target.Load() {
		select {
		case t.arrived <- struct{}{}:
		default:
		}
	}
	return nil
}

func (t *tail) found(wanted, format string, args ...any) *finding {
	return &finding{t.called + ", then Receive", wanted, fmt.Sprintf(format, args...)}
}

// until receives in good time until the session has ended or message n has come, or fails.
func (t *tail) until(n int) {
	t.c.Helper()
	for t.err == nil && int(t.next.Load()) < n {
		var found *finding
		before := t.next.Load()
		late := false
		t.c.call(t.called+", then Receive", func(ctx context.Context) error {
			for i := 0; i < 1000 && found == nil && t.err == nil && int(t.next.Load()) < n && ctx.Err() == nil; i++ {
				found = t.receive(ctx)
			}
			late = ctx.Err() != nil
			return nil
		})
		if found == nil && late && t.next.Load() == before {
			found = t.found(fmt.Sprintf("message %d, or a final error", before), "nothing for %v", t.c.patience)
		}
		if found != nil {
			t.c.fail(found.called, found.wanted, "%s", found.came)
		}
	}
}

// stays fails unless a session that has ended returns errors for ever.
func (t *tail) stays() {
	t.c.Helper()
	t.notClosed(t.err)
	for range 3 {
		m, err := t.c.tryReceive(t.session, t.called+", Receive the final error")
		wanted := fmt.Sprintf("an error, as %q before", t.err)
		switch {
		case err == nil:
			t.c.fail(t.called+", Receive the final error, then Receive", wanted, "%s", show(m))
		case ofContext(err):
			t.c.fail(t.called+", Receive the final error, then Receive", wanted, "nothing for %v, or the error %q", t.c.patience, err)
		}
		t.notClosed(err)
	}
}

// notClosed fails if err says that Close was called.
func (t *tail) notClosed(err error) {
	t.c.Helper()
	if errors.Is(err, transport.ErrClosed) {
		t.c.fail(t.called+", then Receive", "the error of an outage: nobody has called Close", "the error %q", err)
	}
}
