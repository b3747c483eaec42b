package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// listener receives for the whole cluster. It has one session of the bus at a time and opens another one when a
// session ends.
//
// One goroutine receives. It queues each message in its namespace's receive queue before it receives the next one, so
// the order of a receive queue is the order of the bus. It never calls LocalSockets, which may take its time. The
// same goroutine changes what the session listens to, between two messages: who wants a change adds it to subs and
// interrupts the Receive call.
type listener struct {
	bus              transport.Bus
	timeout          time.Duration // bounds opening, each round trip of listening, and closing
	minWait, maxWait time.Duration // before another session is opened
	log              bool          // sessions return positions
	deliver          func(r *transport.Record, at time.Time)
	lost             func(err error)
	recovered        func(gap *GapError)
	failed           func(err error)
	spawn            func(func()) // starts a goroutine

	subs   subscriptions
	health health
	users  users

	mu        sync.Mutex              // guards interrupt
	interrupt context.CancelCauseFunc // ends the Receive call under way, nil when there is none
}

var errRequested = errors.New("a request to listen waits")

// receiveLoop receives from session, and from the sessions after it, until ctx ends.
func (l *listener) receiveLoop(ctx context.Context, session transport.Session) {
	l.continueReceiveLoop(ctx, session, l.health.beginning(), l.minWait)
}

// continueReceiveLoop is receiveLoop from the middle of a session, which began at some time. If code of the
// application's, such as Trace.Received, ends the goroutine, another goroutine continues.
func (l *listener) continueReceiveLoop(
	ctx context.Context, session transport.Session, began time.Time, wait time.Duration,
) {
	returned := false
	defer func() {
		if returned {
			l.subs.close()
			return
		}
		l.spawn(func() { l.continueReceiveLoop(ctx, session, began, wait) })
	}()
	for {
		err := l.serve(ctx, session)
		heard, complete := l.sessionEnds()
		if ctx.Err() == nil {
			l.lost(err) // before closing, which takes its time when the other side is silent
		}
		l.close(ctx, session)
		if heard.Sub(began) > l.maxWait {
			wait = l.minWait // the session worked for a while, so this is a new problem
		}
		if session, wait = l.reopen(ctx, wait); session == nil {
			returned = true
			return
		}
		began = l.health.beginning()
		l.recovered(&GapError{Since: complete, Deaf: began.Sub(complete), Err: err})
	}
}

// serve passes on messages, and changes what the session listens to, until the session ends.
func (l *listener) serve(ctx context.Context, session transport.Session) error {
	for {
		if err := l.changeSubscriptions(ctx, session); err != nil {
			return err
		}
		receiving, cancel := context.WithCancelCause(ctx)
		l.setInterrupt(cancel)
		if l.subs.pending() {
			cancel(errRequested)
		}
		err := l.receiveUntilError(receiving, session)
		l.setInterrupt(nil)
		cause := context.Cause(receiving)
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

// receiveUntilError passes on messages until there is an error or ctx ends.
func (l *listener) receiveUntilError(ctx context.Context, session transport.Session) error {
	var r transport.Record
	for {
		if err := receive(ctx, session, &r); err != nil {
			return err
		}
		now := time.Now()
		l.health.hear(now)
		l.deliver(&r, now)
	}
}

func (l *listener) setInterrupt(interrupt context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interrupt = interrupt
}

// interruptReceive ends the Receive call under way, if there is one.
func (l *listener) interruptReceive(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.interrupt != nil {
		l.interrupt(cause)
	}
}
