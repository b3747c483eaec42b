package socketio

import "github.com/backplane-go/backplane"

// OnAny calls f for each event that the client sends, before the funcs of On. off removes f.
func (s *Socket) OnAny(f func(event string, args backplane.Args)) (off func()) {
	return add(s, f, false, incoming)
}

// PrependAny is OnAny, but f is called before the funcs that are there.
func (s *Socket) PrependAny(f func(event string, args backplane.Args)) (off func()) {
	return add(s, f, true, incoming)
}

func incoming(fs *funcs) *funcList[func(string, backplane.Args)] { return &fs.any }

// OffAny removes the funcs of OnAny and PrependAny.
func (s *Socket) OffAny() { s.change(func(f *funcs) { f.any = nil }) }

// ListenersAny returns the funcs of OnAny and PrependAny, in the order in which they are called.
func (s *Socket) ListenersAny() []func(event string, args backplane.Args) {
	return s.current().any.funcs()
}

// OnAnyOutgoing calls f for each event that is about to be sent to the client. Who sends it waits for that: f must not
// block. An event for which there is no room is among them, acknowledgements are not. off removes f.
func (s *Socket) OnAnyOutgoing(f func(event string, args backplane.Args)) (off func()) {
	return s.onAnyOutgoing(f, false)
}

// PrependAnyOutgoing is OnAnyOutgoing, but f is called before the funcs that are there.
func (s *Socket) PrependAnyOutgoing(f func(event string, args backplane.Args)) (off func()) {
	return s.onAnyOutgoing(f, true)
}

func (s *Socket) onAnyOutgoing(f func(string, backplane.Args), front bool) (off func()) {
	var kept *func(string, backplane.Args)
	s.changeOutgoing(func(l *funcList[func(string, backplane.Args)]) { kept = l.add(f, front) })
	return func() { s.changeOutgoing(func(l *funcList[func(string, backplane.Args)]) { l.drop(kept) }) }
}

// OffAnyOutgoing removes the funcs of OnAnyOutgoing and PrependAnyOutgoing.
func (s *Socket) OffAnyOutgoing() {
	s.changeOutgoing(func(l *funcList[func(string, backplane.Args)]) { *l = nil })
}

// ListenersAnyOutgoing returns the funcs of OnAnyOutgoing and PrependAnyOutgoing, in the order in which they are called.
func (s *Socket) ListenersAnyOutgoing() []func(event string, args backplane.Args) {
	return s.current().outgoing.funcs()
}

// changeOutgoing changes the funcs that are told of what is sent, and keeps count of the sockets that have any.
func (s *Socket) changeOutgoing(f func(*funcList[func(string, backplane.Args)])) {
	s.change(func(fs *funcs) {
		before := len(fs.outgoing) > 0
		f(&fs.outgoing)
		switch after := len(fs.outgoing) > 0; {
		case s.ended || before == after:
		case after:
			s.ns.curious.Add(1)
		default:
			s.ns.curious.Add(-1)
		}
	})
}

// announce tells the OnAnyOutgoing funcs of an event.
func (s *Socket) announce(args backplane.Args) {
	if s.ns.curious.Load() == 0 {
		return
	}
	if all := s.current().outgoing; len(all) > 0 {
		apartAll(s.client.server, s.name, s.id, args.Event(), all, func(f *func(string, backplane.Args)) { (*f)(args.Event(), args) })
	}
}
