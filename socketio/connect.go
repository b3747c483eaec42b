package socketio

import (
	"errors"
	"time"

	"github.com/backplane-go/backplane/internal/guard"
)

// connect makes a socket join its namespace, or tells the client why it cannot join.
func (s *Server) connect(socket *Socket) {
	var ns *Namespace
	err := errInternal
	joined := false
	defer func() { // runs even if a function of the application ends this goroutine
		if joined {
			return
		}
		if ns != nil {
			defer ns.release()
		}
		socket.refuse(err)
	}()
	if ns, err = s.enter(socket.name, socket.auth); err != nil {
		var quota *QuotaError
		switch {
		case errors.As(err, &quota):
			err = socket.quotaReached(quota.Quota)
		case !errors.Is(err, errInvalidNamespace):
			s.env.report(&HandlerError{Namespace: socket.name, Event: "namespace", Err: err})
			err = errInvalidNamespace
		}
		return
	}
	socket.roster = &ns.roster
	socket.issued = time.Now().UnixMilli()
	socket.startSession()
	middleware, connection := ns.listeners()
	if socket.Recovered() && !ns.log.RunMiddlewares {
		middleware = nil
	}
	for _, f := range middleware {
		err = errInternal
		socket.protect("middleware", func() { err = f(socket) })
		if err != nil {
			return
		}
	}
	if joined = socket.join(); !joined {
		return
	}
	setUp := socket.beginSetUp()
	guard.All(connection, func(f *func(*Socket)) { (*f)(socket) }, func(err error) {
		setUp.fail()
		socket.report("connection", err)
	})
	setUp.end()
}
