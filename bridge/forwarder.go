package bridge

import (
	"context"
	"sync/atomic"

	"github.com/backplane-go/backplane"
)

// direction is one of the two ways across the bridge.
type direction struct {
	from                   string // the cluster, "A" or "B"
	passed, lost, withheld atomic.Uint64
}

// forwarder passes on what is received in a namespace of one cluster. It is the LocalSockets of the bridge's node
// there, and has no sockets. What the bridge itself sends in the namespace comes here too, and is marked.
type forwarder struct {
	*backplane.Registry // empty: answers requests

	bridge *Bridge
	name   string // of the namespace
	way    *direction
	own    *backplane.Namespace // where it receives
	to     *backplane.Namespace // where it sends. It is set before the bridge is active.
}

var _ backplane.LocalSockets = (*forwarder)(nil)

// Broadcast implements backplane.LocalSockets. The cluster calls it for one message at a time, in their order.
func (l *forwarder) Broadcast(p *backplane.Packet, to backplane.Selector) {
	if p.Flags.Relayed || !l.bridge.active.Load() {
		return
	}
	target := l.to.Target
	if len(to.Rooms) > 0 { // To without rooms selects nobody
		target = target.To(to.Rooms...)
	}
	if err := target.Except(to.Except...).Forward(p); err != nil {
		l.way.lost.Add(1)
		l.bridge.report(&LostError{Namespace: l.name, From: l.way.from, Event: p.Args.Event(), Err: err})
		return
	}
	l.way.passed.Add(1)
}

// BroadcastAck implements backplane.LocalSockets. There are no clients to ask here.
func (l *forwarder) BroadcastAck(
	_ context.Context, p *backplane.Packet, _ backplane.Selector, asked func(clients int), _ func(backplane.Value),
) {
	if !p.Flags.Relayed && l.bridge.active.Load() {
		l.way.withheld.Add(1)
	}
	asked(0)
}

// ServerSideEmit implements backplane.LocalSockets. The node that asks counts the bridge as a server.
func (l *forwarder) ServerSideEmit(_ backplane.Args, reply func(backplane.Value)) {
	if reply != nil {
		reply(backplane.Value{})
	}
}
