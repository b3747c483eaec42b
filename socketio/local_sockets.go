package socketio

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// localSockets is a namespace on this node as the cluster sees it: the registry, with methods that encode an event
// once for all sockets.
type localSockets struct {
	*backplane.Registry
	ns *Namespace
}

var _ backplane.LogSockets = (*localSockets)(nil)

// Broadcast implements backplane.LocalSockets.
func (l *localSockets) Broadcast(p *backplane.Packet, to backplane.Selector) {
	if !l.ns.sendable(p) {
		return
	}
	l.callOutgoingListeners(p, to)
	o := sendOptions(p.Flags)
	var err error
	if log := l.ns.log; log == nil {
		err = l.send(p, to, nil)
	} else {
		log.mu.Lock()
		at := log.stampOf(p.Args, p.Position, to, o.Volatile)
		err = l.send(p, to, &at)
		log.mu.Unlock()
	}
	if err != nil {
		l.ns.env.report(fmt.Errorf("socketio: broadcast %q: %w", excerpt.Of(p.Args.Event()), err))
	}
}

// send sends the event to all selected sockets. It encodes the event when it finds the first one. In a namespace with
// recovery, the event has a stamp, and the caller holds the log's mu.
func (l *localSockets) send(p *backplane.Packet, to backplane.Selector, at *stamp) (err error) {
	o, offset := sendOptions(p.Flags), ""
	if at != nil {
		offset = at.text
	}
	var frame *wsframe.Frame
	sent := uint64(0)
	l.selected(to, func(s *Socket) {
		if frame == nil && err == nil {
			frame, err = eventFrame(l.ns.name, parser.NoID, p.Args, offset)
		}
		o.Copy++
		switch {
		case err != nil:
			return
		case at == nil && s.deliver(frame, o, unkept), at != nil && s.deliverStamped(frame, p.Args, o, *at):
			sent++
		}
	})
	l.ns.env.counts.sentEvents.Add(sent)
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
			s.deliverCounted(frame, o) // even if the server already waits for too many acknowledgements of the client
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
	l.change(to, func(s *Socket) { _ = s.Join(rooms...) }) // the quota has been counted
}

// Leave implements backplane.LocalSockets.
func (l *localSockets) Leave(to backplane.Selector, rooms []string) {
	l.change(to, func(s *Socket) { s.Leave(rooms...) })
}

// Disconnect implements backplane.LocalSockets.
func (l *localSockets) Disconnect(to backplane.Selector, close bool) {
	l.change(to, func(s *Socket) { s.Disconnect(close) })
}

// change calls f for each selected socket, unless it has the change already: if this node is behind, a client that was
// recovered comes with changes that this node has not applied yet.
func (l *localSockets) change(to backplane.Selector, f func(*Socket)) {
	l.Each(to, func(m backplane.Socket) {
		if s := (*Socket)(m.(*member)); !s.hasChange(to.Position) {
			f(s)
		}
	})
}

// LogContinues implements backplane.LogSockets.
func (l *localSockets) LogContinues(after backplane.Position, complete bool) {
	if l.ns.log != nil {
		l.ns.log.continues(after, complete)
	}
}

// Kept implements backplane.LogSockets.
func (l *localSockets) Kept(e *backplane.LogEntry) {
	if l.ns.log != nil {
		l.ns.log.keep(entryOf(e), e.To, e.Position)
	}
}

// SessionTaken implements backplane.LogSockets.
func (l *localSockets) SessionTaken(id string) {
	id, tenure, _ := strings.Cut(id, " ")
	if s := l.ns.find(id); s != nil && s.session != nil && s.session.tenure == tenure {
		s.sessionTaken()
	}
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
