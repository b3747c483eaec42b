package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/backplane-go/backplane/transport"
)

// gaplessReader receives a sequence in one session, from some message on. The session may end: then it must
// have returned the messages without a gap, and then a final error.
type gaplessReader struct {
	c             *busChecker
	called        string
	session       transport.Session
	sequence      *sequence
	next          atomic.Int64     // number of the next message
	target        atomic.Int64     // the number that waitForMessage waits for
	reachedTarget chan struct{}    // has an element when next has reached target
	mayBeMissing  func(n int) bool // message n may be missing, because its Publish failed
	err           error            // the final error
}

// receiveOne receives once. It is not a problem if ctx ends.
func (r *gaplessReader) receiveOne(ctx context.Context) *problem {
	m, err := r.session.Receive(ctx)
	if err != nil {
		switch {
		case !isContextError(err):
			r.err = err
		case ctx.Err() == nil:
			return r.problem("a message, or an error that is not a context's error", "the error %q", err)
		}
		return nil
	}
	id, n, ok := parseNumber(m.Payload)
	next := int(r.next.Load())
	switch {
	case !ok || id != r.sequence.id || m.Channel != r.sequence.channels[r.sequence.channel(n)] ||
		!r.sequence.matches(n, m.Payload):
		return r.problem(fmt.Sprintf("message %d, or a final error", next), "%s, which nobody published",
			showMessage(m))
	case n < next:
		return r.problem(fmt.Sprintf("message %d, or a final error", next),
			"message %d again: it was delivered twice, or out of order", n)
	}
	for ; next < n; next++ {
		if r.mayBeMissing == nil || !r.mayBeMissing(next) {
			return r.problem(fmt.Sprintf("message %d, or a final error", next),
				"message %d, although this session has lost the message before it", n)
		}
	}
	r.next.Store(int64(n + 1))
	if int64(n+1) >= r.target.Load() {
		select {
		case r.reachedTarget <- struct{}{}:
		default:
		}
	}
	return nil
}

func (r *gaplessReader) problem(wanted, format string, args ...any) *problem {
	return &problem{r.called + ", then Receive", wanted, fmt.Sprintf(format, args...)}
}

// receiveUntil receives until the session has ended or message n has arrived. It fails the check if neither
// happens in time.
func (r *gaplessReader) receiveUntil(n int) {
	r.c.Helper()
	for r.err == nil && int(r.next.Load()) < n {
		var found *problem
		before := r.next.Load()
		late := false
		r.c.call(r.called+", then Receive", func(ctx context.Context) error {
			for i := 0; i < 1000 && found == nil && r.err == nil && int(r.next.Load()) < n && ctx.Err() == nil; i++ {
				found = r.receiveOne(ctx)
			}
			late = ctx.Err() != nil
			return nil
		})
		if found == nil && late && r.next.Load() == before {
			found = r.problem(fmt.Sprintf("message %d, or a final error", before), "no message for %v", r.c.patience)
		}
		r.c.report(found)
	}
}

// expectErrorForever fails the check unless a session that has ended keeps returning errors.
func (r *gaplessReader) expectErrorForever() {
	r.c.Helper()
	r.rejectErrClosed(r.err)
	for range 3 {
		m, err := r.c.tryReceive(r.session, r.called+", Receive the final error")
		wanted := fmt.Sprintf("an error, such as %q before", r.err)
		switch {
		case err == nil:
			r.c.fail(r.called+", Receive the final error, then Receive", wanted, "%s", showMessage(m))
		case isContextError(err):
			r.c.fail(r.called+", Receive the final error, then Receive", wanted, "nothing for %v, or the error %q",
				r.c.patience, err)
		}
		r.rejectErrClosed(err)
	}
}

// rejectErrClosed fails the check if err says that Close was called.
func (r *gaplessReader) rejectErrClosed(err error) {
	r.c.Helper()
	if errors.Is(err, transport.ErrClosed) {
		r.c.fail(r.called+", then Receive", "an outage's error: nobody has called Close", "the error %q", err)
	}
}
