package core

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// The goroutine that receives also hands a broadcast that comes alone to Local: waking another goroutine for it costs a
// third of its way. A Local that takes its time must not hold up what others are sent, so the receiver is watched: while a
// delivery lasts for too long, another goroutine receives, and the first ends when it comes back.

// pause is how long nothing has come when a message comes alone.
const pause = 50 * time.Microsecond

// coming says how a message came. The clock is read once for each: on a virtual machine that is a good part of what receiving takes.
type coming struct {
	at     time.Time
	sparse bool // after a pause
}

// serve receives until the session ends.
func (l *listener) serve(ctx context.Context, session transport.Session) error {
	ended := make(chan error, 1)
	var w *watch
	receive := func() {
		if err := l.receive(ctx, session, w); !errors.Is(err, errReplaced) {
			ended <- err
		}
	}
	w = newWatch(func() { l.spawn(receive) })
	defer w.timer.Stop()
	l.spawn(receive)
	return <-ended
}

// errReplaced ends a goroutine in whose place another one receives.
var errReplaced = errors.New("another goroutine receives")

// receive hands on messages, and answers requests, until the session ends.
func (l *listener) receive(ctx context.Context, session transport.Session, w *watch) error {
	for {
		if err := l.answer(ctx, session); err != nil {
			return err
		}
		receive, cancel := context.WithCancelCause(ctx)
		l.mu.Lock()
		l.interrupt = cancel
		if len(l.requests) > 0 {
			cancel(errRequested)
		}
		l.mu.Unlock()
		err := l.receiveUntil(receive, session, w)
		if errors.Is(err, errReplaced) {
			cancel(nil)
			return err
		}
		l.mu.Lock()
		l.interrupt = nil
		l.mu.Unlock()
		cause := context.Cause(receive)
		cancel(nil)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case cause == nil:
			return err // the session's own, final error
		case errors.Is(cause, ErrSilent):
			return cause
		}
	}
}

// receiveUntil hands on messages until there is an error or ctx ends.
func (l *listener) receiveUntil(ctx context.Context, session transport.Session, w *watch) error {
	var done time.Time // when the last delivery was
	for {
		m, err := session.Receive(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		l.mu.Lock()
		l.heard = now
		l.mu.Unlock()
		sparse := now.Sub(done) > pause
		n := w.begin()
		l.deliver(m, coming{at: now, sparse: sparse})
		if !w.end(n) {
			return errReplaced
		}
		if done = now; sparse {
			done = time.Now()
		}
	}
}
