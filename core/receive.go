package core

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// One goroutine receives, and puts each message into its namespace's lane before it receives the next: the order of a lane is
// the order of the bus. When a broadcast comes alone, the receiver also drains the lane itself, since starting another
// goroutine would cost a third of the message's way. A Local that takes its time must not hold up what others are sent, so
// that draining is watched: when it lasts too long, another goroutine becomes the receiver, and the first ends once the lane
// is empty. It has nothing in hand by then: the message that it drains for is in the lane.

// pause is how long nothing has come when a message comes alone.
const pause = 50 * time.Microsecond

// coming says how a message came. The clock is read once for each: on a virtual machine that is a good part of what receiving takes.
type coming struct {
	at    time.Time
	alone bool // after a pause
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
	var last time.Time // when the last delivery was
	for {
		m, err := session.Receive(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		l.mu.Lock()
		l.heard = now
		l.mu.Unlock()
		alone := now.Sub(last) > pause
		if lane := l.deliver(m, coming{at: now, alone: alone}); lane != nil {
			n := w.begin()
			lane.handy.time(lane.drain)
			if !w.end(n) {
				return errReplaced
			}
		}
		if last = now; alone {
			last = time.Now()
		}
	}
}
