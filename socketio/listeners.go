package socketio

import (
	"fmt"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

// listeners holds the functions that the application has added to a socket. Elements of the slices are never
// modified, so a copy of the struct can be read without a lock.
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

// Ack is a type for the parameter with which a handler acknowledges an event: it takes any values. Other func types
// without results can be used, too; their parameters are then the values.
type Ack = func(values ...any)

// On calls fn for each event with this name that the client sends, after the functions that were added before. fn
// has the form
//
//	func([ctx context.Context,] [args...] [, ack func(...)]) [error]
//
// ctx is the socket's Context. Each argument is decoded into the type of its parameter, by the rules of
// encoding/json; a []byte takes binary data, and a backplane.Value takes any value. The last parameter may be
// variadic; ack then precedes the arguments: func(ack socketio.Ack, args ...any). Surplus arguments are ignored, as
// in JavaScript. A missing argument is an error, unless the parameter is a pointer, an any or a backplane.Value. A
// call of ack acknowledges the event. Only the first call has an effect, and only if the client has requested an
// acknowledgement.
//
// An argument that does not fit (*ArgumentError), an error that fn returns, and a panic are reported to
// Config.ErrorHandler as a *HandlerError. If the client has requested an acknowledgement and fn has not sent one
// yet, the client gets {"error": text}. The text is the message of the *ArgumentError, and "internal error" for
// other errors and panics. An *Error that fn returns is sent to the client and not reported. A function that ends
// its goroutine with runtime.Goexit is treated like one that panics.
//
// off removes fn, and no other function. It may be called more than once. On panics if fn has another form, or if
// Socket.IO reserves the name of the event, such as "disconnect": see OnDisconnect.
func (s *Socket) On(event string, fn any) (off func()) { return s.on(event, fn, false) }

// Once is like On, but calls fn only for the next event with this name.
func (s *Socket) Once(event string, fn any) (off func()) { return s.on(event, fn, true) }

func (s *Socket) on(event string, fn any, once bool) (off func()) {
	h := mustHandler("On", event, fn)
	s.changeListeners(func(f *listeners) {
		f.events = append(f.events,
			eventListener{event: event, handler: h, once: once})
	})
	return func() { s.dropHandlers(func(e eventListener) bool { return e.handler == h }) }
}

// Off removes all functions that were added with On and Once for an event.
func (s *Socket) Off(event string) {
	s.dropHandlers(func(e eventListener) bool { return e.event == event })
}

// OffAll removes all functions that were added with On, Once, OnDisconnecting and OnDisconnect (Node.js:
// removeAllListeners).
func (s *Socket) OffAll() {
	s.changeListeners(func(f *listeners) { f.events, f.disconnecting, f.disconnect = nil, nil, nil })
}

func (s *Socket) dropHandlers(drop func(eventListener) bool) {
	s.changeListeners(func(f *listeners) { f.events = slices.DeleteFunc(slices.Clone(f.events), drop) })
}

// ListenerCount returns the number of functions that were added with On and Once for an event.
func (s *Socket) ListenerCount(event string) int {
	n := 0
	for _, e := range s.currentListeners().events {
		if e.event == event {
			n++
		}
	}
	return n
}

// EventNames returns the names of the events that have functions added with On and Once, in the order in which they
// were first added.
func (s *Socket) EventNames() []string {
	var names []string
	for _, e := range s.currentListeners().events {
		if !slices.Contains(names, e.event) {
			names = append(names, e.event)
		}
	}
	return names
}

// Use adds f as a middleware: it is called for each event of the client, before all other functions. If f returns
// an error, the other functions are not called, and the error is treated like the error of a handler.
func (s *Socket) Use(f func(args backplane.Args) error) {
	s.changeListeners(func(all *listeners) { all.middleware.add(f, false) })
}

// OnDisconnecting calls f when the socket is about to be disconnected and is still in its rooms. off removes f.
func (s *Socket) OnDisconnecting(f func(reason string)) (off func()) {
	return addListener(s, f, false, func(all *listeners) *funcList[func(string)] { return &all.disconnecting })
}

// OnDisconnect calls f when the socket has been disconnected, after the handlers of earlier events. The package
// documentation lists the reasons. off removes f.
func (s *Socket) OnDisconnect(f func(reason string)) (off func()) {
	return addListener(s, f, false, func(all *listeners) *funcList[func(string)] { return &all.disconnect })
}

// addListener adds f to one of the socket's lists of functions, and returns a function that removes f.
func addListener[F any](s *Socket, f F, front bool, of func(*listeners) *funcList[F]) (off func()) {
	var added *F
	s.changeListeners(func(all *listeners) { added = of(all).add(f, front) })
	return func() { s.changeListeners(func(all *listeners) { of(all).drop(added) }) }
}

// mustHandler returns a handler that calls fn. It panics if fn cannot handle events. method is the name of the
// calling method, for the panic's message.
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
