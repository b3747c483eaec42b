package socketio

import (
	"sync/atomic"

	"github.com/backplane-go/backplane"
)

// roster is what the sockets of a namespace share on this node. A Namespace has one; its sockets know the roster,
// not the Namespace.
type roster struct {
	env       *environment
	name      string // of the namespace
	registry  *backplane.Registry
	log       *recoveryLog // nil: no connection state recovery
	pending   pendingSockets
	release   func()     // called when a socket has left the namespace, or may not join it
	namespace *Namespace // for Socket.Namespace

	ackIDs            atomic.Int64
	outgoingListeners atomic.Int32 // sockets with functions of OnAnyOutgoing
}

// nextAckID returns an id for an acknowledgement. It is unique in the namespace, so that one frame serves all
// clients.
func (r *roster) nextAckID() int64 { return r.ackIDs.Add(1) - 1 }

// sockets returns the sockets in the registry, in the order in which they connected.
func (r *roster) sockets() []*Socket {
	var all []*Socket
	r.registry.Each(backplane.Selector{}, func(m backplane.Socket) { all = append(all, (*Socket)(m.(*member))) })
	return all
}

// find returns the socket with this id in the registry, or nil if there is none.
func (r *roster) find(id string) *Socket {
	var found *Socket
	r.registry.Each(backplane.Selector{Rooms: []string{id}}, func(m backplane.Socket) {
		if m.ID() == id {
			found = (*Socket)(m.(*member))
		}
	})
	return found
}
