package socketio

import (
	"fmt"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

// listeners are the functions that are called for a socket. Elements of the slices are never modified, so a copy
// of the struct can be read without a lock.
type listeners struct {
	events        []eventListener
	any           funcList[func(string, backplane.Args)]
	outgoing      funcList[func(string, backplane.Args)]
	middleware    funcList[func(backplane.Args) error]
	disconnecting funcList[func(string)]
	disconnect    funcList[func(string)]
}

type eventListener struct {
	event   string
	handler *handler.Handler
	once    bool
}

// changeListeners changes the socket's listeners.
func (s *Socket) changeListeners(f func(*listeners)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		s.listeners = new(listeners)
	}
	f(s.listeners)
}

// currentListeners returns the socket's current listeners.
func (s *Socket) currentListeners() listeners {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		return listeners{}
	}
	return *s.listeners
}

// Ack is the type of a handler's parameter that acknowledges an event with any values. Any other func type
// without results is possible, too: its parameters are the values.
type Ack = func(values ...any)

// On calls fn for each event with this name that the client sends, after the functions that were added before. fn
// is a
//
//	func([ctx context.Context,] [args...] [, ack func(...)]) [error]
//
// ctx is the socket's Context. Each argument is decoded to the type of its parameter by the rules of
// encoding/json; a []byte takes binary data, and a backplane.Value takes anything. The last argument may be
// variadic; ack then precedes the arguments: func(ack socketio.Ack, args ...any). Surplus arguments are ignored,
// as in JavaScript. Missing ones are an error, unless the parameter is a pointer, an any or a backplane.Value.
// ack acknowledges the event. Only its first call has an effect, and only if the client wants an acknowledgement.
//
// An argument that does not fit (*ArgumentError), an error that fn returns, and a panic are reported to
// Config.ErrorHandler as a *HandlerError. If the client wants an acknowledgement and got none yet, it gets
// {"error": text}. The text is that of the *ArgumentError, or of an *Error, which is not reported, or else
// "internal error". A function that ends its goroutine with runtime.Goexit is treated like one that panics.
//
// off removes fn, and no other function. It may be called more than once. On panics if fn has another form, and
// for the names of Socket.IO's own events; for these see OnDisconnect.
func (s *Socket) On(event string, fn any) (off func()) { return s.on(event, fn, false) }

// Once calls fn for the first event only. Otherwise it is like On.
func (s *Socket) Once(event string, fn any) (off func()) { return s.on(event, fn, true) }

func (s *Socket) on(event string, fn any, once bool) (off func()) {
	h := mustHandler("On", event, fn)
	s.changeListeners(func(f *listeners) {
		f.events = append(f.events,
			eventListener{event: event, handler: h, once: once})
	})
	return func() { s.dropHandlers(func(e eventListener) bool { return e.handler == h }) }
}

// Off removes all functions of On and Once for an event.
func (s *Socket) Off(event string) {
	s.dropHandlers(func(e eventListener) bool { return e.event == event })
}

// OffAll removes all functions of On, Once, OnDisconnecting and OnDisconnect (Node.js: removeAllListeners).
func (s *Socket) OffAll() {
	s.changeListeners(func(f *listeners) { f.events, f.disconnecting, f.disconnect = nil, nil, nil })
}

func (s *Socket) dropHandlers(drop func(eventListener) bool) {
	s.changeListeners(func(f *listeners) { f.events = slices.DeleteFunc(slices.Clone(f.events), drop) })
}

// ListenerCount returns the number of functions of On and Once for an event.
func (s *Socket) ListenerCount(event string) int {
	n := 0
	for _, e := range s.currentListeners().events {
		if e.event == event {
			n++
		}
	}
	return n
}

// EventNames returns the names of the events that have functions of On and Once, in the order in which they were
// first added.
func (s *Socket) EventNames() []string {
	var names []string
	for _, e := range s.currentListeners().events {
		if !slices.Contains(names, e.event) {
			names = append(names, e.event)
		}
	}
	return names
}

// Use calls f for each event of the client before all other functions. If f returns an error, the other functions
// are not called, and the error is treated like that of a handler.
func (s *Socket) Use(f func(args backplane.Args) error) {
	s.changeListeners(func(all *listeners) { all.middleware.add(f, false) })
}

// OnDisconnecting calls f when the socket is about to be disconnected and is still in its rooms. off removes f.
func (s *Socket) OnDisconnecting(f func(reason string)) (off func()) {
	return addListener(s, f, false, func(all *listeners) *funcList[func(string)] { return &all.disconnecting })
}

// OnDisconnect calls f when the socket was disconnected, after the events that came before. The package's
// documentation lists the reasons. off removes f.
func (s *Socket) OnDisconnect(f func(reason string)) (off func()) {
	return addListener(s, f, false, func(all *listeners) *funcList[func(string)] { return &all.disconnect })
}

// addListener adds f to one of the socket's lists, and returns a function that removes it.
func addListener[F any](s *Socket, f F, front bool, of func(*listeners) *funcList[F]) (off func()) {
	var added *F
	s.changeListeners(func(all *listeners) { added = of(all).add(f, front) })
	return func() { s.changeListeners(func(all *listeners) { of(all).drop(added) }) }
}

// mustHandler returns a handler that calls fn. It panics if fn cannot handle events. method is the caller's name.
func mustHandler(method, event string, fn any) *handler.Handler {
	if fault.Reserved(event) {
		panic(fmt.Sprintf("socketio: %s(%q): the name is reserved, so no such event can arrive; "+
			"use OnDisconnect for the end of a connection", method, event))
	}
	h, err := handler.New(fn)
	if err != nil {
		panic(fmt.Sprintf("socketio: %s(%q): %v", method, event, err))
	}
	return h
}
