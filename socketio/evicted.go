package socketio

import "hash/maphash"

// pushedOut remembers the rooms of the events that are not kept any more: a client that has missed none of these can still be
// recovered. The zero value remembers none.
type pushedOut struct {
	last  map[uint64]uint64 // the number of the last event, by the hash of the namespace and a room; when hashes collide, events count as missed that were not
	floor uint64            // nothing is known about events up to this one
	seed  maphash.Seed
}

// maxPushedOut is the most rooms that are remembered, at a little more than 16 bytes each.
const maxPushedOut = 1 << 16

// target is a room, or all of a namespace.
type target struct {
	namespace, room string
	all             bool
}

// add notes that an event is not kept any more. It is called in the order of the events.
func (p *pushedOut) add(n uint64, e keptEvent) {
	switch {
	case p.last == nil:
		p.last, p.seed = make(map[uint64]uint64), maphash.MakeSeed()
	case len(p.last)+len(e.event.Rooms) > maxPushedOut:
		clear(p.last)
		p.floor = n
	}
	if len(e.event.Rooms) == 0 {
		p.last[p.hash(target{namespace: e.namespace, all: true})] = n
	}
	for _, room := range e.event.Rooms {
		p.last[p.hash(target{namespace: e.namespace, room: room})] = n
	}
}

// after reports whether an event after the nth may have been for a socket in rooms.
func (p *pushedOut) after(n uint64, namespace string, rooms []string) bool {
	if p.last == nil {
		return false
	}
	if n < p.floor || p.last[p.hash(target{namespace: namespace, all: true})] > n {
		return true
	}
	for _, room := range rooms {
		if p.last[p.hash(target{namespace: namespace, room: room})] > n {
			return true
		}
	}
	return false
}

func (p *pushedOut) hash(t target) uint64 { return maphash.Comparable(p.seed, t) }
