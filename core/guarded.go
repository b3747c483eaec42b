package core

import (
	"context"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/transport"
)

// A bus and a store may be anybody's, and may call code that the application has given to their driver. A panic in
// them becomes the error of the call. Calls that are made rarely may also end their goroutine (runtime.Goexit).
// Publish, Receive and Get must not: see package transport.

// receive calls session.Receive, or ReceiveRecord if the session returns positions.
func receive(ctx context.Context, session transport.Session, r *transport.Record) (err error) {
	defer guard.Catch(&err)
	if s, ok := session.(transport.LogSession); ok {
		*r, err = s.ReceiveRecord(ctx)
	} else {
		r.Message, err = session.Receive(ctx)
	}
	return guard.Error(err)
}

// openSession calls bus.Open, or OpenLog of a bus that keeps messages.
func openSession(ctx context.Context, bus transport.Bus, log bool) (session transport.Session, err error) {
	failed := guard.Isolate(func() {
		if !log {
			session, err = bus.Open(ctx)
			return
		}
		var s transport.LogSession
		if s, err = bus.(transport.Log).OpenLog(ctx); err == nil {
			session = s
		}
	})
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
