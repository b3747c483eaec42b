package socketio

import (
	"cmp"
	"errors"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// connect lets a client join a namespace, or tells it why not.
func (c *client) connect(s *Socket) {
	var ns *Namespace
	err := errPanicked
	joined := false
	defer func() { // also when a func of the application's ends this goroutine
		if joined {
			return
		}
		if ns != nil {
			defer ns.release()
		}
		c.refuse(s, err)
	}()
	if ns, err = c.server.enter(s.name, s.auth); err != nil {
		var over *QuotaError
		switch {
		case errors.As(err, &over):
			err = c.reached(over.Quota, s)
		case !errors.Is(err, errInvalidNamespace):
			c.server.report(&HandlerError{Namespace: s.name, Event: "namespace", Err: err})
			err = errInvalidNamespace
		}
		return
	}
	s.ns = ns
	s.issued = time.Now().UnixMilli()
	s.restore()
	middleware, connected := ns.funcs()
	if s.Recovered() && !ns.log.RunMiddlewares {
		middleware = nil
	}
	for _, f := range middleware {
		err = errPanicked
		s.guard("middleware", func() { err = f(s) })
		if err != nil {
			return
		}
	}
	if joined = s.join(); !joined {
		return
	}
	guard.All(connected, func(f *func(*Socket)) { (*f)(s) }, func(err error) { s.report("connection", err) })
}

// errPanicked is what a client is told when a func of the application's has panicked.
var errPanicked = errors.New("internal error")

// refuse ends a socket that has not joined, and tells the client why, if err is not nil.
func (c *client) refuse(s *Socket, err error) {
	superseded := !s.state.CompareAndSwap(connecting, gone)
	if s.ns != nil {
		s.ns.arrivals.remove(s)
	}
	s.cut()
	c.drop(s)
	if s.Recovered() {
		s.save() // it may try again
	} else if s.ns != nil {
		s.forfeit()
	}
	c.release()
	if err != nil && !superseded {
		c.tellRefused(s.name, s.id, err)
	}
}

// tellRefused tells the client why it cannot join a namespace.
func (c *client) tellRefused(namespace, id string, err error) {
	err = guard.Error(err)
	told := struct {
		Message string `json:"message"`
		Data    any    `json:"data,omitempty"`
	}{Message: err.Error()}
	var panicked *PanicError
	var e *Error
	var over *QuotaError
	switch {
	case errors.As(err, &panicked), errors.Is(err, ErrExited): // the middleware got it from somewhere, or the error itself cannot be used
		c.server.report(&HandlerError{Namespace: namespace, Socket: id, Event: "middleware", Err: err})
		told.Message = errPanicked.Error()
	case errors.As(err, &e):
		told.Message, told.Data = e.Message, e.Data
	case errors.As(err, &over):
		told.Message = string(over.Quota)
	}
	c.audit(AuditEvent{Kind: AuditRefuse, Namespace: namespace, SID: id, Reason: told.Message, Err: err})
	var data backplane.Value
	encode := func() { data, err = backplane.NewValue(told) }
	if told.Data == nil {
		encode()
	} else if fault := guard.Apart(encode); fault != nil || err != nil {
		c.server.report(&HandlerError{Namespace: namespace, Socket: id, Event: "middleware", Err: cmp.Or(fault, err)})
		told.Data = nil
		encode()
	}
	c.packet(&parser.Packet{Type: parser.ConnectError, Namespace: namespace, ID: parser.NoID, Data: data})
}

// greeting is what a client is told when it has joined.
type greeting struct {
	SID string `json:"sid"`
	PID string `json:"pid,omitempty"`
}

// join makes the socket a member of its namespace and greets the client. It is false when the client has gone or tried
// again meanwhile, or the namespace is closed.
func (s *Socket) join() bool {
	pid := ""
	if s.resume != nil {
		pid = s.resume.pid
	}
	data, err := backplane.NewValue(greeting{SID: s.id, PID: pid})
	if err != nil {
		return false // two strings can be encoded
	}
	hello, _, err := encoder.Encode(&parser.Packet{Type: parser.Connect, Namespace: s.name, ID: parser.NoID, Data: data})
	if err != nil {
		s.report("connection", err)
		return false
	}

	if s.resume != nil {
		s.resume.joining.Lock()
		defer s.resume.joining.Unlock()
	}
	if !s.client.enter() {
		return false
	}
	s.mu.Lock()
	if !s.state.CompareAndSwap(connecting, held) {
		s.mu.Unlock()
		s.client.leave()
		return false
	}
	rooms := s.rooms
	s.mu.Unlock()
	s.begin()
	s.ns.registry.Add((*member)(s), rooms...)
	s.ns.arrivals.remove(s)
	s.mu.Lock()
	if s.state.Load() != gone { // else they are what it was in
		s.rooms = nil
	}
	s.mu.Unlock()
	missed, known := s.missed()
	if !known {
		s.forfeit()
		s.leave(nil)
		s.client.close(engineio.ForcedClose) // it comes back, as a new client then
		return false
	}
	s.client.joined()
	s.client.audit(AuditEvent{Kind: AuditConnect, Namespace: s.name, SID: s.id})
	s.greet(hello, missed)
	return true
}

// deliver sends a frame to the client as soon as that may get it. It is false if that was dropped.
func (s *Socket) deliver(f *engineio.Frame, o engineio.SendOptions, offset string) bool {
	if s.state.Load() == open {
		return s.client.send(f, o)
	}
	s.mu.Lock()
	switch state := s.state.Load(); {
	case state == open:
		defer s.mu.Unlock()
		return s.client.send(f, o)
	case state == gone:
		s.mu.Unlock()
		return false
	}
	kept := s.keep(f, o, offset)
	s.mu.Unlock()
	if !kept {
		go s.client.expel(QuotaSendQueue) // the caller may hold the log, and Audit is the application's
	}
	return kept
}
