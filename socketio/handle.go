package socketio

import (
	"context"
	"errors"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
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
		if !s.allows(*f, args, answer) {
			return
		}
	}
	defer s.dispatch(args, answer) // also when one of these ends the goroutine
	guard.All(fs.any, func(f *func(string, backplane.Args)) { (*f)(args.Event(), args) }, func(err error) { s.report(args.Event(), err) })
}

// allows asks a middleware about an event.
func (s *Socket) allows(f func(backplane.Args) error, args backplane.Args, answer func(...any)) bool {
	var err error
	ok := guard.Do(func() { err = f(args) }, func(err error) { s.failed(args.Event(), err, answer) })
	s.failed(args.Event(), err, answer)
	return ok && err == nil
}

// dispatch calls the handlers of an event.
func (s *Socket) dispatch(args backplane.Args, answer func(...any)) {
	var few [4]*handler.Handler
	guard.All(s.matching(few[:0], args.Event()), func(h *handler.Handler) {
		if s.state.Load() != gone {
			s.failed(args.Event(), h.Call(s.Context(), args, answer), answer)
		}
	}, func(err error) { s.failed(args.Event(), err, answer) })
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

// failed reports what a handler has come to, and answers the client if it wants an answer. answer does nothing if it has
// been called before.
func (s *Socket) failed(event string, err error, answer func(...any)) {
	if err == nil {
		return
	}
	err = guard.Error(err)
	text := told{Error: errPanicked.Error()}
	var panicked *PanicError
	var argument *ArgumentError
	var e *Error
	switch {
	case errors.As(err, &panicked):
		s.report(event, err)
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

// guard calls a func of the application's, on this goroutine, and reports what goes wrong. It is false after a panic, and does not
// return if f ends the goroutine.
func (s *Socket) guard(event string, f func()) bool {
	return guard.Do(f, func(err error) { s.report(event, err) })
}

// apart is guard for what is called rarely, or by a goroutine that must not end: f has one of its own, which is waited for. It is false
// if anything went wrong.
func (s *Server) apart(namespace, socket, event string, f func()) bool {
	err := guard.Apart(f)
	if err != nil {
		s.report(&HandlerError{Namespace: namespace, Socket: socket, Event: event, Err: err})
	}
	return err == nil
}

// apartAll is apart for several funcs.
func apartAll[F any](s *Server, namespace, socket, event string, all []F, call func(F)) {
	_ = guard.Apart(func() { // it was reported
		guard.All(all, call, func(err error) {
			s.report(&HandlerError{Namespace: namespace, Socket: socket, Event: event, Err: err})
		})
	})
}

// handleServerSide calls the namespace's funcs for an event of another node's server.
func (ns *Namespace) handleServerSide(args backplane.Args, reply func(backplane.Value)) {
	ns.mu.Lock()
	handlers := ns.serverSide[args.Event()]
	ns.mu.Unlock()
	var answer func(...any)
	if reply != nil {
		answer = func(values ...any) { ns.answer(args.Event(), reply, values) }
	}
	if len(handlers) == 0 {
		return
	}
	apartAll(ns.server, ns.name, "", args.Event(), handlers, func(h *handler.Handler) {
		if err := h.Call(context.Background(), args, answer); err != nil {
			ns.server.report(&HandlerError{Namespace: ns.name, Event: args.Event(), Err: guard.Error(err)})
		}
	})
}

// answer answers another node's server. Values that cannot be encoded are answered with null.
func (ns *Namespace) answer(event string, reply func(backplane.Value), values []any) {
	var v backplane.Value
	defer func() { reply(v) }() // also when a value ends the goroutine
	guard.Do(func() {
		all, err := backplane.NewValue(append([]any{}, values...)) // an array, also of none
		if err != nil {
			ns.server.report(&HandlerError{Namespace: ns.name, Event: event, Err: err})
		}
		v, _ = codec.Acked(all)
	}, func(err error) { ns.server.report(&HandlerError{Namespace: ns.name, Event: event, Err: err}) })
}
