package client

import "github.com/backplane-go/backplane/socketio/internal/parser"

// task is a task that has to be done for a client, in order.
type task struct {
	kind   taskKind
	socket Socket         // for all kinds except toClose
	packet *parser.Packet // for toHandle
	reason string         // for toEnd, toFinish, toClose
	size   int            // bytes as received
	timed  bool           // for toHandle: it is measured
}

type taskKind uint8

const (
	toConnect taskKind = 1 // join a namespace
	toHandle  taskKind = 2 // handle an event
	toEnd     taskKind = 3 // end a socket
	toFinish  taskKind = 4 // call the functions for the end of a socket that the server has ended
	toClose   taskKind = 5 // end all sockets, because the connection has ended: the last task
)

// queue holds the tasks of a client. An empty queue needs no memory besides the struct.
type queue struct {
	first [1]task // the memory of items if there is one task, as usual
	items []task
	head  int
	bytes int
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) push(t task) {
	if q.items == nil {
		q.items = q.first[:0]
	}
	if q.head > 0 && len(q.items) == cap(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, t)
	q.bytes += t.size
}

func (q *queue) pop() task {
	t := q.items[q.head]
	q.items[q.head] = task{}
	q.head++
	q.bytes -= t.size
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return t
}

// shrink frees the memory of an empty queue that a burst has made large.
func (q *queue) shrink() {
	if cap(q.items) > 1 {
		q.items = nil
	}
}
