package retention

import (
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// Limits bound what is kept.
type Limits struct {
	Items  int       // entries or sessions
	Bytes  int       // the sum of their sizes, as passed by the caller
	Oldest time.Time // evict everything that is as old as this or older
}

// Log keeps entries in the order in which they were appended. Each belongs to a stream. P is the type of an entry's
// payload. The zero Log is empty.
type Log[P any] struct {
	entries  fifo[*Entry[P]]
	bytes    int    // of entries
	appended uint64 // entries that were ever appended
	streams  map[*Stream[P]]struct{}
	evicted  int // rooms that the streams remember, see rooms
}

// Entry is an entry of a stream.
type Entry[P any] struct {
	Position transport.Offset
	Rooms    []string // it is for sockets in one of these; none: for all
	Except   []string // but not for those in one of these
	Payload  P

	stream *Stream[P]
	number uint64 // in the log
	size   int
	at     time.Time
}

// Len returns the number of entries.
func (l *Log[P]) Len() int { return l.entries.len() }

// Bytes returns the sum of the sizes of the entries.
func (l *Log[P]) Bytes() int { return l.bytes }

// Open returns a new stream. Its entries will be those after start.
func (l *Log[P]) Open(start transport.Offset) *Stream[P] {
	if l.streams == nil {
		l.streams = make(map[*Stream[P]]struct{})
	}
	s := &Stream[P]{log: l, rooms: make(map[string]*fifo[*Entry[P]]), evicted: newRooms(start)}
	l.streams[s] = struct{}{}
	return s
}

// Evict removes the oldest entries until the others are within the limits.
func (l *Log[P]) Evict(limits Limits) {
	for l.entries.len() > 0 {
		if e := *l.entries.front(); l.entries.len() <= limits.Items && l.bytes <= limits.Bytes &&
			e.at.After(limits.Oldest) {
			return
		}
		e := l.entries.pop()
		l.bytes -= e.size
		e.stream.evict(e)
	}
}

// reaches reports whether an entry is for a socket in rooms.
func (e *Entry[P]) reaches(rooms map[string]struct{}) bool {
	in := func(room string) bool { _, in := rooms[room]; return in }
	return (len(e.Rooms) == 0 || slices.ContainsFunc(e.Rooms, in)) && !slices.ContainsFunc(e.Except, in)
}
