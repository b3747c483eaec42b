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
	deliver          func(m transport.Message, at time.Time)
	lost             func(err error)
	recovered        func(gap *GapError)
	failed           func(err error)
	spawn            func(func()) // starts a goroutine

	subs   subscriptions
	health health

	mu        sync.Mutex              // guards interrupt
	interrupt context.CancelCauseFunc // ends the Receive call under way, nil when there is none
}

var errRequested = errors.New("a request to listen waits")

// receiveLoop receives from session, and from the sessions after it, until ctx ends.
func (l *listener) receiveLoop(ctx context.Context, session transport.Session) {
	l.continueReceiveLoop(ctx, session, l.sessionBegins(), l.minWait)
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
		began = l.sessionBegins()
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
	for {
		m, err := receive(ctx, session)
		if err != nil {
			return err
		}
		now := time.Now()
		l.health.hear(now)
		l.deliver(m, now)
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

// listen returns once messages on channel are sure to arrive. While the session is broken it waits until ctx ends.
func (l *listener) listen(ctx context.Context, channel string) error {
	done := make(chan error, 1)
	l.ask(channel, true, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		l.ask(channel, false, nil)
		return ctx.Err()
	}
}

// unlisten returns once no more messages of channel arrive, at once while the session is broken. It is not withdrawn
// when ctx ends, so that the session does not listen to the channel for ever.
func (l *listener) unlisten(ctx context.Context, channel string) error {
	done := make(chan error, 1)
	if up := l.ask(channel, false, func(err error) { done <- err }); !up {
		return nil
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask leaves a change to the receiving goroutine and reports whether there is a working session. A change of the same
// channel that is still waiting is not wanted any more. done, which may be nil, is called once.
func (l *listener) ask(channel string, on bool, done func(error)) (up bool) {
	c := &change{on: on, done: done}
	superseded, err := l.subs.put(channel, c)
	if err != nil {
		c.finish(err)
		return false
	}
	l.interruptReceive(errRequested)
	up = l.health.isUp()
	if superseded != nil {
		superseded.supersede()
	}
	return up
}
