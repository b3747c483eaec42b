package broker

import "github.com/backplane-go/backplane/transport"

// queue holds messages in order. It grows with the number of waiting messages and releases its memory when it
// is empty.
type queue struct {
	messages []transport.Message
	head     int // index of the first one
	bytes    int
}

// maxIdleCap is the capacity, in messages, that an empty queue may keep.
const maxIdleCap = 1024

func size(m transport.Message) int { return len(m.Channel) + len(m.Payload) }

func (q *queue) len() int { return len(q.messages) - q.head }

func (q *queue) push(m transport.Message) {
	if len(q.messages) == cap(q.messages) && q.head > len(q.messages)/2 { // moving is cheaper than growing, and rare
		n := copy(q.messages, q.messages[q.head:])
		clear(q.messages[n:])
		q.messages, q.head = q.messages[:n], 0
	}
	q.messages = append(q.messages, m)
	q.bytes += size(m)
}

func (q *queue) pop() transport.Message {
	m := q.messages[q.head]
	q.messages[q.head] = transport.Message{}
	q.head++
	q.bytes -= size(m)
	if q.len() == 0 {
		q.messages, q.head = q.messages[:0], 0
		if cap(q.messages) > maxIdleCap {
			q.messages = nil
		}
	}
	return m
}
