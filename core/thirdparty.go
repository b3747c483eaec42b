package core

import (
	"context"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/transport"
)

// A bus and a store may be anybody's, and call what the application has given to their driver. What panics in them is an error of the
// call. What is called rarely may also end its goroutine; for Publish, Receive and Get that is not allowed, see package transport.

// receive calls session.Receive.
func receive(ctx context.Context, session transport.Session) (m transport.Message, err error) {
	defer guard.Catch(&err)
	m, err = session.Receive(ctx)
	return m, guard.Error(err)
}

// openSession calls bus.Open.
func openSession(ctx context.Context, bus transport.Bus) (session transport.Session, err error) {
	fault := guard.Isolate(func() { session, err = bus.Open(ctx) })
	if fault != nil {
		return nil, fault
	}
	return session, guard.Error(err)
}

// rarely makes another call of a bus or a store.
func rarely(call func() error) (err error) {
	if fault := guard.Isolate(func() { err = call() }); fault != nil {
		return fault
	}
	return guard.Error(err)
}
