package socketio

import (
	"context"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// localSockets is a namespace on this node as the cluster sees it: the registry, with methods that encode an event
// once for all sockets.
type localSockets struct {
	*backplane.Registry
	ns *Namespace
}

var _ backplane.LocalSockets = (*localSockets)(nil)

// Broadcast implements backplane.LocalSockets.
func (l *localSockets) Broadcast(p *backplane.Packet, to backplane.Selector) {
	if !l.ns.sendable(p) {
		return
	}
	l.callOutgoingListeners(p, to)
	o := sendOptions(p.Flags)
	var err error
	if l.ns.log == nil {
		err = l.send(p, to, o, "")
	} else {
		err = l.sendWithOffset(p, to, o)
	}
	if err != nil {
		l.ns.env.report(fmt.Errorf("socketio: broadcast %q: %w", excerpt.Of(p.Args.Event()), err))
	}
}

// sendWithOffset is like send, for a namespace with recovery.
func (l *localSockets) sendWithOffset(p *backplane.Packet, to backplane.Selector, o engineio.SendOptions) error {
	log := l.ns.log
	log.mu.Lock()
	defer log.mu.Unlock()
	return l.send(p, to, o, log.assignOffset(p.Args, to, o.Volatile))
}

// send sends the event to all selected sockets. It encodes the event when it finds the first one.
func (l *localSockets) send(p *backplane.Packet, to backplane.Selector, o engineio.SendOptions,
	offset string) (err error) {
	var frame *wsframe.Frame
	deliver := func(s *Socket) {
		if frame == nil && err == nil {
			frame, err = eventFrame(l.ns.name, parser.NoID, p.Args, offset)
		}
		switch {
		case err != nil:
		case offset == "":
			o.Copy++
			s.deliver(frame, o, "")
		default:
			o.Copy++
			s.deliverWithOffset(frame, o, offset)
		}
	}
	l.selected(to, deliver)
	return err
}

// selected calls f once for each selected socket, including pending sockets, about which the middlewares have not
// decided yet.
func (l *localSockets) selected(to backplane.Selector, f func(*Socket)) {
	pending := l.ns.pending.in(to)
	l.Each(to, func(m backplane.Socket) {
		if s := (*Socket)(m.(*member)); !slices.Contains(pending, s) {
			f(s)
		}
	})
	for _, s := range pending {
		f(s)
	}
}

// BroadcastAck implements backplane.LocalSockets.
func (l *localSockets) BroadcastAck(ctx context.Context, p *backplane.Packet, to backplane.Selector,
	asked func(clients int), answer func(backplane.Value)) {
	var sockets []*Socket
	id := l.ns.nextAckID()
	var frame *wsframe.Frame
	if l.ns.sendable(p) {
		var err error
		if frame, err = eventFrame(l.ns.name, id, p.Args, ""); err != nil {
			l.ns.env.report(fmt.Errorf("socketio: broadcast %q: %w", excerpt.Of(p.Args.Event()), err))
		} else {
			l.callOutgoingListeners(p, to)
			l.selected(to, func(s *Socket) { sockets = append(sockets, s) })
		}
	}
	asked(len(sockets))
	if len(sockets) == 0 {
		return
	}
	o := sendOptions(p.Flags)
	answered := func(v backplane.Value, err error) {
		if err == nil {
			answer(v)
		}
	}
	for _, s := range sockets {
		if err := s.awaitAck(id, answered); err != ErrDisconnected {
			o.Copy++
			s.deliver(frame, o, "") // even if the server already waits for too many acknowledgements of the client
		}
	}
	context.AfterFunc(ctx, func() {
		for _, s := range sockets {
			s.removeAck(id)
		}
	})
}

// Join implements backplane.LocalSockets. A socket that would be in too many rooms joins none of them.
func (l *localSockets) Join(to backplane.Selector, rooms []string) {
	l.Each(to, func(m backplane.Socket) { _ = (*Socket)(m.(*member)).Join(rooms...) }) // the quota has been counted
}

// ServerSideEmit implements backplane.LocalSockets.
func (l *localSockets) ServerSideEmit(args backplane.Args, reply func(backplane.Value)) {
	l.ns.handleServerSide(args, reply)
}

// callOutgoingListeners calls the OnAnyOutgoing functions of the selected sockets.
func (l *localSockets) callOutgoingListeners(p *backplane.Packet, to backplane.Selector) {
	if l.ns.outgoingListeners.Load() > 0 {
		l.selected(to, func(s *Socket) { s.callOutgoingListeners(p.Args) })
	}
}

// sendable reports whether clients accept the event. Another node might send a reserved event, for which a client
// would close its connection.
func (ns *Namespace) sendable(p *backplane.Packet) bool {
	if !fault.Reserved(p.Args.Event()) {
		return true
	}
	ns.env.report(&backplane.ReservedEventError{Event: p.Args.Event()})
	return false
}
