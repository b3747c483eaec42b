// Package retention keeps what is needed to recover clients that reconnect after a short time: a [Log] of
// events, and a [Table] of sessions. Both are bounded: when a limit is exceeded, the oldest entries are
// evicted. They are not safe for concurrent use.
//
// # Files
//
//   - log.go: the events, by offset
//   - evicted.go: which rooms the evicted events were for
//   - table.go: the sessions, by id
//   - fifo.go: a queue in a slice
package retention

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits bound what is kept.
type Limits struct {
	Items  int       // events or sessions
	Bytes  int       // the sum of their sizes, as passed by the caller
	Oldest time.Time // evict everything that is as old as this or older
}

// Log keeps events in the order in which they were appended. Each event has a number, from 1, and an offset,
// which is the number as text. P is the type of an event's packet.
type Log[P any] struct {
	prefix  string // of the offsets, so that offsets of an earlier process are invalid
	events  fifo[Event[P]]
	first   uint64 // the number of the first of events
	evicted evicted
	bytes   int // of events
}

// Event is an event in a Log.
type Event[P any] struct {
	Namespace string
	Rooms     []string // the event was sent to sockets in one of these; none: to all
	Except    []string // but not to those in one of these
	Payload   P
	Offset    string // given by Append

	size int
	at   time.Time
}

// NewLog returns an empty log.
func NewLog[P any](prefix string) *Log[P] { return &Log[P]{prefix: prefix, first: 1} }

// Len returns the number of events.
func (l *Log[P]) Len() int { return l.events.len() }

// Append appends an event of size bytes and returns its offset.
func (l *Log[P]) Append(e Event[P], size int, now time.Time) (offset string) {
	e.Rooms, e.Except = slices.Clone(e.Rooms), slices.Clone(e.Except)
	e.Offset, e.size, e.at = l.Offset(l.first+uint64(l.events.len())), size, now
	l.events.push(e)
	l.bytes += size
	return e.Offset
}

// Offset returns the offset of event n.
func (l *Log[P]) Offset(n uint64) string { return l.prefix + strconv.FormatUint(n, 36) }

// Number returns the number of the event with this offset, 0 for "". known is false if no event ever had this
// offset.
func (l *Log[P]) Number(offset string) (n uint64, known bool) {
	if offset == "" {
		return 0, true
	}
	digits, ours := strings.CutPrefix(offset, l.prefix)
	n, err := strconv.ParseUint(digits, 36, 64)
	return n, ours && err == nil && n > 0 && n < l.first+uint64(l.events.len())
}

// Evicted reports whether an event after event n that was for a socket in rooms may have been evicted.
func (l *Log[P]) Evicted(n uint64, namespace string, rooms []string) bool {
	return l.evicted.after(n, namespace, rooms)
}

// After returns the events after event n that were for a socket in rooms.
func (l *Log[P]) After(n uint64, namespace string, rooms []string) iter.Seq[*Event[P]] {
	return func(yield func(*Event[P]) bool) {
		kept := l.events.all()[max(n+1, l.first)-l.first:]
		for i := range kept {
			if e := &kept[i]; e.Namespace == namespace && e.reaches(rooms) && !yield(e) {
				return
			}
		}
	}
}

// reaches reports whether the event was sent to a socket in rooms.
func (e *Event[P]) reaches(rooms []string) bool {
	in := len(e.Rooms) == 0
	for _, room := range rooms {
		if slices.Contains(e.Except, room) {
			return false
		}
		in = in || slices.Contains(e.Rooms, room)
	}
	return in
}

// Evict removes the oldest events until the others are within the limits.
func (l *Log[P]) Evict(limits Limits) {
	for l.events.len() > 0 {
		if e := l.events.front(); l.events.len() <= limits.Items && l.bytes <= limits.Bytes &&
			e.at.After(limits.Oldest) {
			return
		}
		e := l.events.pop()
		l.evicted.add(l.first, e.Namespace, e.Rooms)
		l.bytes -= e.size
		l.first++
	}
}
