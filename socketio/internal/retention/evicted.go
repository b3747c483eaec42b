package retention

import (
	"hash/maphash"

	"github.com/backplane-go/backplane/transport"
)

// rooms remembers the rooms of evicted entries of a stream, because a client for which none of these entries was
// meant can still be recovered.
type rooms struct {
	last  map[uint64]transport.Offset // the last entry by the hash of its room
	all   transport.Offset            // the last entry for all sockets
	newer transport.Offset            // the last entry
	floor transport.Offset            // nothing is known about entries up to this one
}

// maxEvicted is the maximum number of rooms that the streams of a log remember. A room takes about 40 bytes.
const maxEvicted = 1 << 16

// seed makes the hashes of rooms unpredictable. If hashes collide, a client seems to have missed more.
var seed = maphash.MakeSeed()

// newRooms returns the rooms of a stream that has nothing up to start.
func newRooms(start transport.Offset) rooms { return rooms{floor: start, newer: start} }

// add records that an entry was evicted. It is called in the order of the entries. No rooms means all sockets. It
// returns how many more rooms are remembered.
func (r *rooms) add(at transport.Offset, names []string) (more int) {
	if r.last == nil {
		r.last = make(map[uint64]transport.Offset)
	}
	before := len(r.last)
	if r.newer = at; len(names) == 0 {
		r.all = at
	}
	for _, name := range names {
		r.last[maphash.String(seed, name)] = at
	}
	return len(r.last) - before
}

// clear forgets all rooms and returns how many there were.
func (r *rooms) clear() (forgotten int) {
	forgotten = len(r.last)
	r.last, r.floor = nil, r.newer
	return forgotten
}

// after reports whether an evicted entry after a position may have been for a socket in rooms.
func (r *rooms) after(position transport.Offset, names []string) bool {
	if position.Compare(r.floor) < 0 || r.all.Compare(position) > 0 {
		return true
	}
	if len(r.last) == 0 {
		return false
	}
	for _, name := range names {
		if r.last[maphash.String(seed, name)].Compare(position) > 0 {
			return true
		}
	}
	return false
}

// forgetRooms makes the streams forget rooms if they remember too many.
func (l *Log[P]) forgetRooms() {
	if l.evicted <= maxEvicted {
		return
	}
	for s := range l.streams {
		l.evicted -= s.evicted.clear()
	}
}
