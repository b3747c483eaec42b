package socketio

import (
	"errors"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/handler"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// handleEvent calls the socket's functions for an event of the client.
func (s *Socket) handleEvent(p *parser.Packet) {
	if s.state.Load() == client.Disconnected {
		return
	}
	args, err := p.Args()
	if err != nil {
		return // cannot happen: the decoder has checked it
	}
	var ack func(...any)
	if p.ID != parser.NoID {
		ack = (&reply{s: s, id: p.ID}).send
	}
	listeners := s.currentListeners()
	for _, f := range listeners.middleware {
		if !s.allows(*f, args, ack) {
			return
		}
	}
	defer s.callHandlers(args, ack) // deferred: runs even if one of these functions ends the goroutine
	guard.All(listeners.any, func(f *func(string, backplane.Args)) { (*f)(args.Event(), args) },
		func(err error) { s.report(args.Event(), err) })
}

// allows calls f, a middleware, and reports whether it lets the event pass.
func (s *Socket) allows(f func(backplane.Args) error, args backplane.Args, ack func(...any)) bool {
	var err error
	ok := guard.Do(func() { err = f(args) }, func(err error) { s.handlerFailed(args.Event(), err, ack) })
	s.handlerFailed(args.Event(), err, ack)
	return ok && err == nil
}

// callHandlers calls the handlers of an event.
func (s *Socket) callHandlers(args backplane.Args, ack func(...any)) {
	var few [4]*handler.Handler
	guard.All(s.appendHandlers(few[:0], args.Event()), func(h *handler.Handler) {
		if s.state.Load() != client.Disconnected {
			s.handlerFailed(args.Event(), h.Call(s.Context(), args, ack), ack)
		}
	}, func(err error) { s.handlerFailed(args.Event(), err, ack) })
}

// appendHandlers appends the handlers of an event to dst. It removes the handlers that were added with Once.
func (s *Socket) appendHandlers(dst []*handler.Handler, event string) []*handler.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		return dst
	}
	once := false
	for i := range s.listeners.events {
		if e := &s.listeners.events[i]; e.event == event {
			dst = append(dst, e.handler)
			once = once || e.once
		}
	}
	if once {
		s.listeners.events = slices.DeleteFunc(slices.Clone(s.listeners.events),
			func(e eventListener) bool { return e.once && e.event == event })
	}
	return dst
}

// handlerFailed reports the error of a handler, and acknowledges with it if the client wants an acknowledgement. It
// does nothing if err is nil. ack does nothing if it was called before.
func (s *Socket) handlerFailed(event string, err error, ack func(...any)) {
	if err == nil {
		return
	}
	err = guard.Error(err)
	payload := ackError{Error: errInternal.Error()}
	var panicked *PanicError
	var argument *ArgumentError
	var e *Error
	switch {
	case errors.As(err, &panicked):
		s.report(event, err)
	case errors.As(err, &e):
		payload = ackError{Error: e.Message, Data: e.Data}
	case errors.As(err, &argument):
		payload.Error = argument.Error()
		s.report(event, err)
	default:
		s.report(event, err)
	}
	if ack != nil {
		ack(payload)
	}
}

func (s *Socket) report(event string, err error) {
	s.env.report(&HandlerError{Namespace: s.name, Socket: s.id, Event: event, Err: err})
}

// quotaReached records that the client has reached a quota with this socket, and returns the error for it.
func (s *Socket) quotaReached(q Quota) *QuotaError {
	return s.env.quotaReached(s.client, q, s.name, s.id)
}

// protect calls a function of the application on this goroutine, and reports a panic. It returns false after a
// panic. It does not return if f ends the goroutine with runtime.Goexit.
func (s *Socket) protect(event string, f func()) bool {
	return guard.Do(f, func(err error) { s.report(event, err) })
}
