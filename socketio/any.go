package socketio

import "github.com/backplane-go/backplane"

// OnAny calls f for each event that the client sends, before the functions that were added with On and Once. off
// removes f.
func (s *Socket) OnAny(f func(event string, args backplane.Args)) (off func()) {
	return addListener(s, f, false, incoming)
}

// PrependAny is like OnAny, but puts f in front of the functions that were added earlier.
func (s *Socket) PrependAny(f func(event string, args backplane.Args)) (off func()) {
	return addListener(s, f, true, incoming)
}

func incoming(l *listeners) *funcList[func(string, backplane.Args)] { return &l.any }

// OffAny removes all functions that were added with OnAny and PrependAny.
func (s *Socket) OffAny() { s.changeListeners(func(l *listeners) { l.any = nil }) }

// ListenersAny returns the functions that were added with OnAny and PrependAny, in the order in which they are
// called.
func (s *Socket) ListenersAny() []func(event string, args backplane.Args) {
	return s.currentListeners().any.funcs()
}

// OnAnyOutgoing calls f for each event that is about to be sent to the client, even if the send queue has no room
// for it. It is not called for acknowledgements. The sender waits for f, so f must not block. off removes f.
func (s *Socket) OnAnyOutgoing(f func(event string, args backplane.Args)) (off func()) {
	return s.onAnyOutgoing(f, false)
}

// PrependAnyOutgoing is like OnAnyOutgoing, but puts f in front of the functions that were added earlier.
func (s *Socket) PrependAnyOutgoing(f func(event string, args backplane.Args)) (off func()) {
	return s.onAnyOutgoing(f, true)
}

func (s *Socket) onAnyOutgoing(f func(string, backplane.Args), front bool) (off func()) {
	var added *func(string, backplane.Args)
	s.changeOutgoing(func(l *funcList[func(string, backplane.Args)]) { added = l.add(f, front) })
	return func() { s.changeOutgoing(func(l *funcList[func(string, backplane.Args)]) { l.drop(added) }) }
}

// OffAnyOutgoing removes all functions that were added with OnAnyOutgoing and PrependAnyOutgoing.
func (s *Socket) OffAnyOutgoing() {
	s.changeOutgoing(func(l *funcList[func(string, backplane.Args)]) { *l = nil })
}

// ListenersAnyOutgoing returns the functions that were added with OnAnyOutgoing and PrependAnyOutgoing, in the
// order in which they are called.
func (s *Socket) ListenersAnyOutgoing() []func(event string, args backplane.Args) {
	return s.currentListeners().outgoing.funcs()
}

// changeOutgoing calls f with the list of OnAnyOutgoing functions to change it, and keeps the number of sockets
// that have any up to date.
func (s *Socket) changeOutgoing(f func(*funcList[func(string, backplane.Args)])) {
	s.changeListeners(func(all *listeners) {
		before := len(all.outgoing) > 0
		f(&all.outgoing)
		switch after := len(all.outgoing) > 0; {
		case s.ended || before == after:
		case after:
			s.roster.outgoingListeners.Add(1)
		default:
			s.roster.outgoingListeners.Add(-1)
		}
	})
}

// callOutgoingListeners calls the functions of OnAnyOutgoing for an event.
func (s *Socket) callOutgoingListeners(args backplane.Args) {
	if s.roster.outgoingListeners.Load() == 0 {
		return
	}
	if all := s.currentListeners().outgoing; len(all) > 0 {
		isolateAll(s.env, s.name, s.id, args.Event(), all,
			func(f *func(string, backplane.Args)) { (*f)(args.Event(), args) })
	}
}
