package core

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// One goroutine receives, and queues each message in its namespace's lane before it receives the next: the order of a lane is
// the order of the bus. It never calls Local, which may take its time.

// serve hands on messages, and answers requests, until the session ends.
func (l *listener) serve(ctx context.Context, session transport.Session) error {
	for {
		if err := l.answer(ctx, session); err != nil {
			return err
		}
		receive, cancel := context.WithCancelCause(ctx)
		l.mu.Lock()
		l.interrupt = cancel
		if len(l.changes) > 0 {
			cancel(errRequested)
		}
		l.mu.Unlock()
		err := l.receive(receive, session)
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

// receive hands on messages until there is an error or ctx ends.
func (l *listener) receive(ctx context.Context, session transport.Session) error {
	for {
		m, err := receive(ctx, session)
		if err != nil {
			return err
		}
		now := time.Now()
		l.hears(now)
		l.deliver(m, now)
	}
}
