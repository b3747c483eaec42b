package socketio

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/handler"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// handle calls the socket's funcs for an event.
func (s *Socket) handle(p *parser.Packet) {
	if s.state.Load() == gone {
		return
	}
	args, err := p.Args()
	if err != nil {
		return // the decoder has looked at it
	}
	var answer func(...any)
	if p.ID != parser.NoID {
		answer = (&acknowledgement{s: s, id: p.ID}).send
	}
	fs := s.current()
	for _, f := range fs.middleware {
		err := errPanicked
		if s.guard(args.Event(), func() { err = (*f)(args) }) {
			s.failed(args.Event(), err, answer)
		} else if answer != nil {
			answer(told{Error: errPanicked.Error()})
		}
		if err != nil {
			return
		}
	}
	for _, f := range fs.any {
		s.guard(args.Event(), func() { (*f)(args.Event(), args) })
	}
	var few [4]*handler.Handler
	for _, h := range s.matching(few[:0], args.Event()) {
		if s.state.Load() == gone {
			return
		}
		s.call(h, args, answer)
	}
}

// matching appends the handlers of an event to dst. Those that are for once are forgotten.
func (s *Socket) matching(dst []*handler.Handler, event string) []*handler.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.funcs == nil {
		return dst
	}
	once := false
	for i := range s.funcs.events {
		if e := &s.funcs.events[i]; e.event == event {
			dst = append(dst, e.h)
			once = once || e.once
		}
	}
	if once {
		s.funcs.events = slices.DeleteFunc(slices.Clone(s.funcs.events), func(e eventFunc) bool { return e.once && e.event == event })
	}
	return dst
}

// call calls one handler.
func (s *Socket) call(h *handler.Handler, args backplane.Args, answer func(...any)) {
	defer func() {
		if v := recover(); v != nil {
			s.failed(args.Event(), &PanicError{Value: v, Stack: debug.Stack()}, answer)
		}
	}()
	if err := h.Call(s.Context(), args, answer); err != nil {
		s.failed(args.Event(), err, answer)
	}
}

// failed reports what a handler has come to, and answers the client if it wants an answer. answer does nothing if it has
// been called before.
func (s *Socket) failed(event string, err error, answer func(...any)) {
	if err == nil {
		return
	}
	text := told{Error: errPanicked.Error()}
	var argument *ArgumentError
	var e *Error
	switch {
	case errors.As(err, &e):
		text = told{Error: e.Message, Data: e.Data}
	case errors.As(err, &argument):
		text.Error = argument.Error()
		s.report(event, err)
	default:
		s.report(event, err)
	}
	if answer != nil {
		answer(text)
	}
}

func (s *Socket) report(event string, err error) {
	s.client.server.report(&HandlerError{Namespace: s.name, Socket: s.id, Event: event, Err: err})
}

// guard is Server.guard for something that concerns the socket.
func (s *Socket) guard(event string, f func()) bool {
	return s.client.server.guard(s.name, s.id, event, f)
}

// guard calls a func of the application's, and reports a panic. It is false if there was one.
func (s *Server) guard(namespace, socket, event string, f func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			s.report(&HandlerError{Namespace: namespace, Socket: socket, Event: event, Err: &PanicError{Value: v, Stack: debug.Stack()}})
		}
	}()
	f()
	return true
}

// handleServerSide calls the namespace's funcs for an event of another node's server.
func (ns *Namespace) handleServerSide(args backplane.Args, reply func(backplane.Value)) {
	ns.mu.Lock()
	handlers := ns.serverSide[args.Event()]
	ns.mu.Unlock()
	var answer func(...any)
	if reply != nil {
		answer = func(values ...any) {
			all, err := backplane.NewValue(append([]any{}, values...)) // an array, also of none
			if err != nil {
				ns.server.report(&HandlerError{Namespace: ns.name, Event: args.Event(), Err: err})
			}
			v, _ := codec.Acked(all)
			reply(v)
		}
	}
	for _, h := range handlers {
		ns.server.guard(ns.name, "", args.Event(), func() {
			if err := h.Call(context.Background(), args, answer); err != nil {
				ns.server.report(&HandlerError{Namespace: ns.name, Event: args.Event(), Err: err})
			}
		})
	}
}
