package retention

import (
	"container/heap"
	"slices"
	"sort"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// Stream has the entries of one namespace, in the order of their positions.
type Stream[P any] struct {
	log     *Log[P]
	rooms   map[string]*fifo[*Entry[P]] // the entries for each room
	all     fifo[*Entry[P]]             // the entries for all sockets
	evicted rooms
}

// Append appends an entry of size bytes. Its position is after those of all others.
func (s *Stream[P]) Append(e Entry[P], size int, now time.Time) {
	l := s.log
	l.appended++
	e.Rooms, e.Except = slices.Clone(e.Rooms), slices.Clone(e.Except)
	e.stream, e.number, e.size, e.at = s, l.appended, size, now
	l.entries.push(&e)
	l.bytes += size
	if len(e.Rooms) == 0 {
		s.all.push(&e)
	}
	for _, room := range e.Rooms {
		list := s.rooms[room]
		if list == nil {
			list = new(fifo[*Entry[P]])
			s.rooms[room] = list
		}
		if list.len() == 0 || list.all()[list.len()-1] != &e { // else the room is named twice
			list.push(&e)
		}
	}
}

// evict removes e, the oldest entry.
func (s *Stream[P]) evict(e *Entry[P]) {
	if len(e.Rooms) == 0 {
		s.all.pop()
	}
	for _, room := range e.Rooms {
		list := s.rooms[room]
		if list == nil || *list.front() != e {
			continue
		}
		if list.pop(); list.len() == 0 {
			delete(s.rooms, room)
		}
	}
	if _, open := s.log.streams[s]; open {
		s.log.evicted += s.evicted.add(e.Position, e.Rooms)
		s.log.forgetRooms()
	}
}

// Close says that nothing will be appended to the stream or read from it any more.
func (s *Stream[P]) Close() {
	s.log.evicted -= s.evicted.clear()
	delete(s.log.streams, s)
}

// Complete reports whether the stream has all entries after a position that were for a socket in rooms.
func (s *Stream[P]) Complete(after transport.Offset, rooms []string) bool {
	return !s.evicted.after(after, rooms)
}

// Walk calls f for the entries after a position that are for a socket in rooms, in order. f may remove rooms. It
// returns the rooms that it wants to be added.
func (s *Stream[P]) Walk(after transport.Offset, rooms map[string]struct{}, f func(*Entry[P]) (added []string)) {
	var lists lists[P]
	from := func(list *fifo[*Entry[P]], isAfter func(*Entry[P]) bool) {
		if list == nil {
			return
		}
		entries := list.all()
		if i := sort.Search(len(entries), func(i int) bool { return isAfter(entries[i]) }); i < len(entries) {
			heap.Push(&lists, entries[i:])
		}
	}
	isAfter := func(e *Entry[P]) bool { return e.Position.Compare(after) > 0 }
	from(&s.all, isAfter)
	for room := range rooms {
		from(s.rooms[room], isAfter)
	}
	for last := uint64(0); len(lists) > 0; {
		e := lists[0][0]
		if lists[0] = lists[0][1:]; len(lists[0]) == 0 {
			heap.Pop(&lists)
		} else {
			heap.Fix(&lists, 0)
		}
		if e.number <= last || !e.reaches(rooms) { // the entries of several lists may be the same
			continue
		}
		last = e.number
		for _, room := range f(e) {
			if _, in := rooms[room]; !in {
				rooms[room] = struct{}{}
				from(s.rooms[room], func(later *Entry[P]) bool { return later.number > e.number })
			}
		}
	}
}

// lists is a heap of lists of entries, none of them empty. The list with the oldest entry is the first.
type lists[P any] [][]*Entry[P]

func (l lists[P]) Len() int           { return len(l) }
func (l lists[P]) Less(i, j int) bool { return l[i][0].number < l[j][0].number }
func (l lists[P]) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lists[P]) Push(list any)     { *l = append(*l, list.([]*Entry[P])) }

func (l *lists[P]) Pop() any {
	old := *l
	last := old[len(old)-1]
	*l = old[:len(old)-1]
	return last
}
