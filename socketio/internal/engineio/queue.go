package engineio

import "sync"

// queued is a frame that waits for one client.
type queued struct {
	frame *Frame
	plain bool   // not to be compressed
	share uint32 // bytes of memory that count for this client
}

// chunk is a piece of a queue. Chunks are shared by all connections, so that an idle one has none.
type chunk struct {
	items [15]queued
	n     int // items[:n] are in use
	next  *chunk
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func (k *chunk) free() {
	clear(k.items[:k.n])
	k.n, k.next = 0, nil
	chunks.Put(k)
}

// line is frames in their order. The zero line is empty.
type line struct {
	head, tail *chunk
	first      int // in head: items before it have been sent
	offset     int // how much of the first item has been sent, in bytes of its form
}

func (l *line) empty() bool { return l.head == nil }

func (l *line) push(q queued) {
	if l.tail == nil || l.tail.n == len(l.tail.items) {
		k := chunks.Get().(*chunk)
		if l.tail == nil {
			l.head, l.first, l.offset = k, 0, 0
		} else {
			l.tail.next = k
		}
		l.tail = k
	}
	l.tail.items[l.tail.n] = q
	l.tail.n++
}

// pop removes the first item.
func (l *line) pop() {
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

// pull takes the last item back. There must be one.
func (l *line) pull() queued {
	k := l.tail
	k.n--
	item := k.items[k.n]
	k.items[k.n] = queued{}
	switch {
	case k == l.head && k.n == l.first:
		k.free()
		*l = line{}
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

// append puts after behind l.
func (l *line) append(after line) {
	switch {
	case after.empty():
	case l.empty():
		*l = after
	default: // nothing of after has been sent, so all its chunks are used from their start
		l.tail.next, l.tail = after.head, after.tail
	}
}

func (l *line) drop() {
	for k := l.head; k != nil; {
		next := k.next
		k.free()
		k = next
	}
	*l = line{}
}

// queue is a line and what it holds, what is being written included.
type queue struct {
	line
	held
}

// held is what frames in a queue amount to.
type held struct {
	frames int
	bytes  int
	share  int // bytes of memory: a frame that several clients wait for counts for each of them in part
}

func (h *held) add(q queued) {
	h.frames++
	h.bytes += q.frame.size
	h.share += int(q.share)
}

func (q *queue) push(item queued) {
	q.line.push(item)
	q.add(item)
}

// pull takes the last item back. There must be one.
func (q *queue) pull() queued {
	item := q.line.pull()
	var h held
	h.add(item)
	q.sent(h)
	return item
}

// take takes the line away. What is sent of it is told to sent, what is left is given to putBack.
func (q *queue) take() line {
	l := q.line
	q.line = line{}
	return l
}

func (q *queue) sent(h held) {
	q.frames -= h.frames
	q.bytes -= h.bytes
	q.share -= h.share
}

func (q *queue) putBack(l line) {
	l.append(q.line)
	q.line = l
}

func (q *queue) drop() {
	q.line.drop()
	q.held = held{}
}
