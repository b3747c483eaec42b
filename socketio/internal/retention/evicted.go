package retention

import "hash/maphash"

// evicted remembers the rooms of evicted events, because a client for which none of these events was meant can
// still be recovered. The zero value remembers none.
type evicted struct {
	// number of the last event, by the hash of its target; if hashes collide, a client seems to have missed more
	last  map[uint64]uint64
	floor uint64 // nothing is known about events up to this one
	seed  maphash.Seed
}

// maxEvicted is the maximum number of rooms that are remembered. A room takes a little more than 16 bytes.
const maxEvicted = 1 << 16

// target is a room, or all rooms of a namespace.
type target struct {
	namespace, room string
	all             bool
}

// add records that event n was evicted. It is called in the order of the events. No rooms means all rooms.
func (v *evicted) add(n uint64, namespace string, rooms []string) {
	switch {
	case v.last == nil:
		v.last, v.seed = make(map[uint64]uint64), maphash.MakeSeed()
	case len(v.last)+len(rooms) > maxEvicted:
		clear(v.last)
		v.floor = n
	}
	if len(rooms) == 0 {
		v.last[v.hash(target{namespace: namespace, all: true})] = n
	}
	for _, room := range rooms {
		v.last[v.hash(target{namespace: namespace, room: room})] = n
	}
}

// after reports whether an evicted event after event n may have been for a socket in rooms.
func (v *evicted) after(n uint64, namespace string, rooms []string) bool {
	if v.last == nil {
		return false
	}
	if n < v.floor || v.last[v.hash(target{namespace: namespace, all: true})] > n {
		return true
	}
	for _, room := range rooms {
		if v.last[v.hash(target{namespace: namespace, room: room})] > n {
			return true
		}
	}
	return false
}

func (v *evicted) hash(t target) uint64 { return maphash.Comparable(v.seed, t) }
