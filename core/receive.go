package core

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// The goroutine that receives also hands a broadcast that comes alone to Local: waking another goroutine for it costs a
// third of its way. A Local that takes its time must not hold up what others are sent, so the receiver is watched: while a
// delivery lasts for too long, another goroutine receives, and the first ends when it comes back.

// stall is how long a delivery lasts when another goroutine takes over; it may be twice that.
const stall = 100 * time.Millisecond

// pause is how long nothing has come when a message comes alone.
const pause = 50 * time.Microsecond

// watch sees deliveries that do not end. Its timer runs only while there is something to see.
type watch struct {
	deliveries atomic.Uint64 // odd while one is under way
	seen       atomic.Uint64 // deliveries at the last look
	on         atomic.Bool
	timer      *time.Timer
	takeOver   func()
}

func newWatch(takeOver func()) *watch {
	w := &watch{takeOver: takeOver}
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Stop()
	return w
}

// begin notes that a delivery begins.
func (w *watch) begin() uint64 {
	n := w.deliveries.Add(1)
	if !w.on.Load() && w.on.CompareAndSwap(false, true) {
		w.timer.Reset(stall)
	}
	return n
}

// end reports whether who has delivered is still the receiver.
func (w *watch) end(n uint64) bool { return w.deliveries.CompareAndSwap(n, n+1) }

func (w *watch) look() {
	n := w.deliveries.Load()
	idle := w.seen.Swap(n) == n
	switch under := n%2 == 1; {
	case under && idle && w.deliveries.CompareAndSwap(n, n+1):
		w.takeOver()
	case !under && idle:
		w.on.Store(false)
		if w.deliveries.Load() == n || !w.on.CompareAndSwap(false, true) {
			return // at rest; the next delivery begins to watch again, if it has not already
		}
	}
	w.timer.Reset(stall)
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
		l.deliver(m, sparse)
		if !w.end(n) {
			return errReplaced
		}
		if done = now; sparse {
			done = time.Now()
		}
	}
}
