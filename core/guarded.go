package core

import (
	"context"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/transport"
)

// A bus and a store may be anybody's, and may call code that the application has given to their driver. A panic in
// them becomes the error of the call. Calls that are made rarely may also end their goroutine (runtime.Goexit).
// Publish, Receive and Get must not: see package transport.

// receive calls session.Receive.
func receive(ctx context.Context, session transport.Session) (m transport.Message, err error) {
	defer guard.Catch(&err)
	m, err = session.Receive(ctx)
	return m, guard.Error(err)
}

// openSession calls bus.Open.
func openSession(ctx context.Context, bus transport.Bus) (session transport.Session, err error) {
	failed := guard.Isolate(func() { session, err = bus.Open(ctx) })
	if failed != nil {
		return nil, failed
	}
	return session, guard.Error(err)
}

// callRarely makes any other call of a bus or a store.
func callRarely(call func() error) (err error) {
	if failed := guard.Isolate(func() { err = call() }); failed != nil {
		return failed
	}
	return guard.Error(err)
}
