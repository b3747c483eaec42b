package socketio

import (
	"fmt"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/handler"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// funcs are what the application wants to be called for a socket. The slices grow, but what is in them does not change,
// so that they can be gone through without a lock.
type funcs struct {
	events        []eventFunc
	any           []func(string, backplane.Args)
	outgoing      []func(string, backplane.Args)
	middleware    []func(backplane.Args) error
	disconnecting []func(string)
	disconnect    []func(string)
}

type eventFunc struct {
	event string
	h     *handler.Handler
	once  bool
}

// change changes the socket's funcs.
func (s *Socket) change(f func(*funcs)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.funcs == nil {
		s.funcs = new(funcs)
	}
	f(s.funcs)
}

// current returns the socket's funcs as they are now.
func (s *Socket) current() funcs {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.funcs == nil {
		return funcs{}
	}
	return *s.funcs
}

// On calls fn for each event of this name that the client sends, after those given before. fn is a
//
//	func([ctx context.Context,] [args...] [, ack func(...)]) [error]
//
// Each argument is decoded to the type that fn takes: by the rules of encoding/json; a []byte takes binary data, a
// backplane.Value takes anything as it came. The last one may be variadic, if there is no ack. Surplus arguments are left
// out, as in JavaScript; missing ones are an error, unless fn takes a pointer, an any or a backplane.Value there. ctx is
// the socket's Context. ack, whose first call counts, answers the client; if the client wants no answer, it does nothing.
//
// What goes wrong, which is an argument that does not suit fn (*ArgumentError), an error that fn returns, or a panic, is
// reported to Config.ErrorHandler as a *HandlerError. If the client wants an answer and got none yet, it is answered with
// {"error": text}: the text of the *ArgumentError or of an *Error, which is not reported; for anything else "internal
// error".
//
// On panics when fn is no such func, and for the names of Socket.IO's own events: see OnDisconnect.
func (s *Socket) On(event string, fn any) { s.on(event, fn, false) }

// Once is On for the first such event only.
func (s *Socket) Once(event string, fn any) { s.on(event, fn, true) }

func (s *Socket) on(event string, fn any, once bool) {
	h := mustHandler(event, fn)
	s.change(func(f *funcs) { f.events = append(f.events, eventFunc{event: event, h: h, once: once}) })
}

// Off removes all funcs that On and Once were given for an event.
func (s *Socket) Off(event string) {
	s.change(func(f *funcs) {
		f.events = slices.DeleteFunc(slices.Clone(f.events), func(e eventFunc) bool { return e.event == event })
	})
}

// OnAny calls f for each event that the client sends, before the funcs of On.
func (s *Socket) OnAny(f func(event string, args backplane.Args)) {
	s.change(func(fs *funcs) { fs.any = append(fs.any, f) })
}

// OffAny removes the funcs of OnAny.
func (s *Socket) OffAny() { s.change(func(f *funcs) { f.any = nil }) }

// OnAnyOutgoing calls f for each event that is about to be sent to the client, by the goroutine that sends it: f must not
// block. An event for which there is no room is among them, acknowledgements are not.
func (s *Socket) OnAnyOutgoing(f func(event string, args backplane.Args)) {
	s.change(func(fs *funcs) {
		if fs.outgoing == nil && !s.ended {
			s.ns.curious.Add(1)
		}
		fs.outgoing = append(fs.outgoing, f)
	})
}

// OffAnyOutgoing removes the funcs of OnAnyOutgoing.
func (s *Socket) OffAnyOutgoing() {
	s.change(func(f *funcs) {
		if f.outgoing != nil && !s.ended {
			s.ns.curious.Add(-1)
		}
		f.outgoing = nil
	})
}

// Use lets f look at each event of the client before any other func: an error keeps the event from all of them and is
// treated as a handler's.
func (s *Socket) Use(f func(args backplane.Args) error) {
	s.change(func(fs *funcs) { fs.middleware = append(fs.middleware, f) })
}

// OnDisconnecting calls f when the socket is about to be disconnected, while Rooms still finds its rooms.
func (s *Socket) OnDisconnecting(f func(reason string)) {
	s.change(func(fs *funcs) { fs.disconnecting = append(fs.disconnecting, f) })
}

// OnDisconnect calls f when the socket was disconnected, after the events that came before. The reason is one of
// Socket.IO's, see the package's documentation.
func (s *Socket) OnDisconnect(f func(reason string)) {
	s.change(func(fs *funcs) { fs.disconnect = append(fs.disconnect, f) })
}

// mustHandler looks at a func of the application's for an event.
func mustHandler(event string, fn any) *handler.Handler {
	if parser.Reserved(event) {
		panic(fmt.Sprintf("socketio: On(%q): no client can send an event of that name; for the end of a connection there is OnDisconnect", event))
	}
	h, err := handler.New(fn)
	if err != nil {
		panic(fmt.Sprintf("socketio: On(%q): %v", event, err))
	}
	return h
}

// announce tells the OnAnyOutgoing funcs of an event.
func (s *Socket) announce(args backplane.Args) {
	if s.ns.curious.Load() == 0 {
		return
	}
	for _, f := range s.current().outgoing {
		s.client.server.guard(s.name, s.id, args.Event(), func() { f(args.Event(), args) })
	}
}
