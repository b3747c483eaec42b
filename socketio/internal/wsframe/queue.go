package wsframe

import "sync"

// Item is a frame that waits for one client.
type Item struct {
	Frame *Frame
	Plain bool   // not to be compressed
	Share uint32 // bytes of memory that count for this client
}

// chunk is a part of a queue. All queues share a pool of chunks, so that an empty queue needs none.
type chunk struct {
	items [15]Item
	n     int // items[:n] are in use
	next  *chunk
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func (k *chunk) free() {
	clear(k.items[:k.n])
	k.n, k.next = 0, nil
	chunks.Put(k)
}

// Line is a list of frames in order. The zero Line is empty.
type Line struct {
	head, tail *chunk
	first      int // the index in head of the first item that has not been sent completely
	offset     int // bytes of the first item that have been sent
}

// Empty reports whether there are no frames.
func (l *Line) Empty() bool { return l.head == nil }

// First returns the first item. There must be one.
func (l *Line) First() Item { return l.head.items[l.first] }

func (l *Line) push(i Item) {
	if l.tail == nil || l.tail.n == len(l.tail.items) {
		k := chunks.Get().(*chunk)
		if l.tail == nil {
			l.head, l.first, l.offset = k, 0, 0
		} else {
			l.tail.next = k
		}
		l.tail = k
	}
	l.tail.items[l.tail.n] = i
	l.tail.n++
}

// Pop removes the first item. There must be one.
func (l *Line) Pop() {
	l.first++
	l.offset = 0
	if l.first < l.head.n {
		return
	}
	k := l.head
	l.head, l.first = k.next, 0
	if l.head == nil {
		l.tail = nil
	}
	k.free()
}

// popLast removes the last item and returns it. There must be one.
func (l *Line) popLast() Item {
	k := l.tail
	k.n--
	item := k.items[k.n]
	k.items[k.n] = Item{}
	switch {
	case k == l.head && k.n == l.first:
		k.free()
		*l = Line{}
	case k.n == 0:
		l.tail = l.head
		for l.tail.next != k {
			l.tail = l.tail.next
		}
		l.tail.next = nil
		k.free()
	}
	return item
}

// append appends after to l. Nothing of after has been sent, so all of its chunks are used from their start.
func (l *Line) append(after Line) {
	switch {
	case after.Empty():
	case l.Empty():
		*l = after
	default:
		l.tail.next, l.tail = after.head, after.tail
	}
}

// Drop removes all items.
func (l *Line) Drop() {
	for k := l.head; k != nil; {
		next := k.next
		k.free()
		k = next
	}
	*l = Line{}
}

// MergeSize is the size of a buffer for Merge: the maximum number of bytes that are copied for one write.
const MergeSize = 64 << 10

// mergeMax is the size in bytes from which a frame is written separately, without a copy.
const mergeMax = 16 << 10

// Merge returns the bytes to write next: all of l, if it fits into the capacity of buf. They are valid until
// buf is used again. l must not be empty.
func (l *Line) Merge(buf []byte, form Form) []byte {
	first := form.of(l.First())[l.offset:]
	alone := l.head == l.tail && l.first+1 == l.head.n
	if alone || len(first) >= min(mergeMax, cap(buf)) {
		return first
	}
	buf = append(buf[:0], first...)
	i := l.first + 1
	for k := l.head; k != nil; k, i = k.next, 0 {
		for ; i < k.n; i++ {
			p := form.of(k.items[i])
			if room := cap(buf) - len(buf); len(p) > room {
				return append(buf, p[:room]...)
			}
			buf = append(buf, p...)
		}
	}
	return buf
}

// Advance records that the next n bytes have been written. It removes the frames that have been written
// completely, and returns their total.
func (l *Line) Advance(n int, form Form) (whole Total) {
	for !l.Empty() {
		item := l.First()
		left := len(form.of(item)) - l.offset
		if left > n {
			l.offset += n
			break
		}
		n -= left
		whole.add(item)
		l.Pop()
	}
	return whole
}

// Total holds the number and the sizes of some frames.
type Total struct {
	Frames int
	Bytes  int
	Share  int // bytes of memory: a frame that waits for several clients counts in part for each of them
}

func (t *Total) add(i Item) { t.Add(Total{1, i.Frame.size, int(i.Share)}) }

// Add adds other to t.
func (t *Total) Add(other Total) {
	t.Frames += other.Frames
	t.Bytes += other.Bytes
	t.Share += other.Share
}

// Queue holds the frames that wait for one client. Its Total includes frames that are being written.
type Queue struct {
	Line
	Total
}

// Push appends an item.
func (q *Queue) Push(i Item) {
	q.push(i)
	q.add(i)
}

// PopLast removes the last item and returns it. There must be one.
func (q *Queue) PopLast() Item {
	item := q.popLast()
	q.Remove(Total{1, item.Frame.size, int(item.Share)})
	return item
}

// Take removes all frames from the queue, so that they can be written, but does not change the Total. Remove
// must be called with the total of the written frames, and PutBack with the rest of the line.
func (q *Queue) Take() Line {
	l := q.Line
	q.Line = Line{}
	return l
}

// Remove subtracts t from the Total.
func (q *Queue) Remove(t Total) { q.Add(Total{-t.Frames, -t.Bytes, -t.Share}) }

// PutBack inserts the rest of a line from Take before the frames that have been pushed since.
func (q *Queue) PutBack(l Line) {
	l.append(q.Line)
	q.Line = l
}

// Drop removes all items.
func (q *Queue) Drop() {
	q.Line.Drop()
	q.Total = Total{}
}
