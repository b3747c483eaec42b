package broker

import "github.com/backplane-go/backplane/transport"

// queue holds messages in order. It grows with the number of waiting messages and releases its memory when it
// is empty.
type queue struct {
	records []transport.Record
	head    int // index of the first one
	bytes   int
}

// maxIdleCap is the capacity, in messages, that an empty queue may keep.
const maxIdleCap = 1024

func size(r *transport.Record) int { return len(r.Channel) + len(r.Payload) }

func (q *queue) len() int { return len(q.records) - q.head }

func (q *queue) push(r transport.Record) {
	if len(q.records) == cap(q.records) && q.head > len(q.records)/2 { // moving is cheaper than growing, and rare
		n := copy(q.records, q.records[q.head:])
		clear(q.records[n:])
		q.records, q.head = q.records[:n], 0
	}
	q.records = append(q.records, r)
	q.bytes += size(&r)
}

func (q *queue) pop() transport.Record {
	r := q.records[q.head]
	q.records[q.head] = transport.Record{}
	q.head++
	q.bytes -= size(&r)
	if q.len() == 0 {
		q.records, q.head = q.records[:0], 0
		if cap(q.records) > maxIdleCap {
			q.records = nil
		}
	}
	return r
}
