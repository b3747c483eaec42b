package socketio

import (
	"fmt"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

// funcs are the funcs of the application's that are called for a socket. Elements of the slices do not change, so
// they can be read without a lock.
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

// change changes the socket's funcs.
func (s *Socket) changeListeners(f func(*listeners)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		s.listeners = new(listeners)
	}
	f(s.listeners)
}

// current returns the socket's funcs as they are now.
func (s *Socket) currentListeners() listeners {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		return listeners{}
	}
	return *s.listeners
}

// Ack is the type of a handler's parameter that acknowledges an event with any values. Any other func type
// without results will do as well: its parameters are the values.
type Ack = func(values ...any)

// On calls fn for each event of this name that the client sends, after those given before. fn is a
//
//	func([ctx context.Context,] [args...] [, ack func(...)]) [error]
//
// Each argument is decoded to the type that fn takes: by the rules of encoding/json; a []byte takes binary data,
// a backplane.Value takes anything as it came. The last one may be variadic; ack then stands before the
// arguments: func(ack socketio.Ack, args ...any). Surplus arguments are left out, as in JavaScript; missing ones
// are an error, unless fn takes a pointer, an any or a backplane.Value there. ctx is the socket's Context. ack
// answers the client; only its first call does anything, and nothing does if the client wants no answer.
//
// What goes wrong, which is an argument that does not suit fn (*ArgumentError), an error that fn returns, or a
// panic, is reported to Config.ErrorHandler as a *HandlerError. If the client wants an answer and got none yet,
// it is answered with {"error": text}: the text of the *ArgumentError or of an *Error, which is not reported; for
// anything else "internal error". A func that ends its goroutine with runtime.Goexit is treated like one that
// panics.
//
// off removes fn, and no other func; it may be called more than once. On panics when fn is not such a func, and
// for the names of Socket.IO's own events: see OnDisconnect.
func (s *Socket) On(event string, fn any) (off func()) { return s.on(event, fn, false) }

// Once is On for the first such event only.
func (s *Socket) Once(event string, fn any) (off func()) { return s.on(event, fn, true) }

func (s *Socket) on(event string, fn any, once bool) (off func()) {
	h := mustHandler("On", event, fn)
	s.changeListeners(func(f *listeners) { f.events = append(f.events, eventListener{event: event, handler: h, once: once}) })
	return func() { s.dropHandlers(func(e eventListener) bool { return e.handler == h }) }
}

// Off removes all funcs that On and Once were given for an event.
func (s *Socket) Off(event string) {
	s.dropHandlers(func(e eventListener) bool { return e.event == event })
}

// OffAll removes all funcs that On, Once, OnDisconnecting and OnDisconnect were given (Node.js:
// removeAllListeners).
func (s *Socket) OffAll() {
	s.changeListeners(func(f *listeners) { f.events, f.disconnecting, f.disconnect = nil, nil, nil })
}

func (s *Socket) dropHandlers(drop func(eventListener) bool) {
	s.changeListeners(func(f *listeners) { f.events = slices.DeleteFunc(slices.Clone(f.events), drop) })
}

// ListenerCount returns how many funcs On and Once were given for an event.
func (s *Socket) ListenerCount(event string) int {
	n := 0
	for _, e := range s.currentListeners().events {
		if e.event == event {
			n++
		}
	}
	return n
}

// EventNames returns the names of the events that On and Once were given funcs for, in the order in which that
// happened first.
func (s *Socket) EventNames() []string {
	var names []string
	for _, e := range s.currentListeners().events {
		if !slices.Contains(names, e.event) {
			names = append(names, e.event)
		}
	}
	return names
}

// Use lets f look at each event of the client before any other func: an error keeps the event from all of them
// and is treated as a handler's.
func (s *Socket) Use(f func(args backplane.Args) error) {
	s.changeListeners(func(all *listeners) { all.middleware.add(f, false) })
}

// OnDisconnecting calls f when the socket is about to be disconnected, while Rooms still finds its rooms. off
// removes f.
func (s *Socket) OnDisconnecting(f func(reason string)) (off func()) {
	return addListener(s, f, false, func(all *listeners) *funcList[func(string)] { return &all.disconnecting })
}

// OnDisconnect calls f when the socket was disconnected, after the events that came before. The reason is one of
// Socket.IO's, see the package's documentation. off removes f.
func (s *Socket) OnDisconnect(f func(reason string)) (off func()) {
	return addListener(s, f, false, func(all *listeners) *funcList[func(string)] { return &all.disconnect })
}

// add adds f to one of the socket's lists, and returns what removes it.
func addListener[F any](s *Socket, f F, front bool, of func(*listeners) *funcList[F]) (off func()) {
	var added *F
	s.changeListeners(func(all *listeners) { added = of(all).add(f, front) })
	return func() { s.changeListeners(func(all *listeners) { of(all).drop(added) }) }
}

// mustHandler makes a handler of a func that a method was given for an event.
func mustHandler(method, event string, fn any) *handler.Handler {
	if fault.Reserved(event) {
		panic(fmt.Sprintf("socketio: %s(%q): the name is reserved, so no such event can come; for the end of a connection there is OnDisconnect", method, event))
	}
	h, err := handler.New(fn)
	if err != nil {
		panic(fmt.Sprintf("socketio: %s(%q): %v", method, event, err))
	}
	return h
}
