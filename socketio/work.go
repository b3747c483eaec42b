package socketio

import (
	"runtime"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// work is one thing to do for a client, in its order.
type work struct {
	kind   workKind
	socket *Socket        // all but toClose
	packet *parser.Packet // toHandle
	reason string         // toEnd, toClose
	size   int            // bytes as received
}

type workKind uint8

const (
	toConnect  workKind = 1 // to a namespace
	toHandle   workKind = 2 // an event
	toEnd      workKind = 3 // a socket's membership
	toClose    workKind = 4 // the connection: the last of all
	toFarewell workKind = 5 // what is left of a socket's end that the server has made already
)

// workQueue is what a client's worker has to do. At rest it keeps one place, in the client itself.
type workQueue struct {
	first [1]work
	items []work
	head  int
	bytes int
}

func (q *workQueue) len() int { return len(q.items) - q.head }

func (q *workQueue) push(w work) {
	if q.items == nil {
		q.items = q.first[:0]
	}
	if q.head > 0 && len(q.items) == cap(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, w)
	q.bytes += w.size
}

func (q *workQueue) pop() work {
	w := q.items[q.head]
	q.items[q.head] = work{}
	q.head++
	q.bytes -= w.size
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return w
}

// rest frees what a burst has taken.
func (q *workQueue) rest() {
	if cap(q.items) > 1 {
		q.items = nil
	}
}

// awaitingFactor is how many times as many events, but not bytes, may wait while acknowledgements are awaited: these come
// behind events, and a handler may wait for them.
const awaitingFactor = 16

// push queues work that the reader has received. Its goroutine offers here for it. more: there is room for more.
func (c *client) push(w work, here *sched.Slot) (more bool) {
	c.mu.Lock()
	if c.dead {
		if w.kind == toConnect {
			c.live--
		}
		c.mu.Unlock()
		return true
	}
	idle := c.enqueue(w)
	c.paused = c.full()
	more = !c.paused
	c.mu.Unlock()
	if idle {
		c.server.scheduler.Start(c, here)
	}
	return more
}

// append queues work that the reader does not wait for.
func (c *client) append(w work) {
	c.mu.Lock()
	idle := c.enqueue(w)
	c.mu.Unlock()
	if idle {
		c.server.scheduler.Start(c, nil)
	}
}

// doNow does w before it returns, unless a goroutine works on the queue, which then does it later.
func (c *client) doNow(w work) {
	c.mu.Lock()
	idle := c.enqueue(w)
	c.mu.Unlock()
	if idle {
		c.server.scheduler.Run(c)
	}
}

// enqueue queues w. It is true if no goroutine works on the queue: the caller has to see to it that one does. The caller holds mu.
func (c *client) enqueue(w work) (idle bool) {
	c.queue.push(w)
	idle = !c.working
	c.working = true
	return idle
}

// full reports whether there is no room for another event. The caller holds mu.
func (c *client) full() bool {
	config := &c.server.config
	limit := config.MaxEvents
	if c.awaiting.Load() > 0 {
		limit *= awaitingFactor
	}
	return !c.account.Settle(c.server.memory, c.queue.bytes) || c.queue.len() >= limit || c.queue.bytes >= config.MaxEventBytes
}

// drained reports whether a client that is paused may go on: not for each event, as pausing costs more than an event. The
// caller holds mu.
func (c *client) drained() bool {
	config := &c.server.config
	return c.queue.len() <= config.MaxEvents/2 && c.queue.bytes <= config.MaxEventBytes/2
}

// resume has the reader go on if now is true. It unlocks mu.
func (c *client) resume(now bool) {
	if now {
		c.paused = false
	}
	c.mu.Unlock()
	if now {
		c.conn.Resume()
	}
}

// yieldAfter is after how many events of one client others get their turn: above all the writer, without which the answers
// of a client that has sent many events at once would fill its queue on a machine with one processor.
const yieldAfter = 256

// Work implements sched.Task: it does what is queued.
func (c *client) Work() {
	for n := 1; ; n++ {
		if n%yieldAfter == 0 {
			runtime.Gosched()
		}
		c.mu.Lock()
		if c.queue.len() == 0 {
			c.queue.rest()
			c.working = false
			c.mu.Unlock()
			return
		}
		w := c.queue.pop()
		c.account.Settle(c.server.memory, c.queue.bytes)
		c.resume(c.paused && c.drained())
		c.do(w)
	}
}

func (c *client) do(w work) {
	switch w.kind {
	case toConnect:
		c.connect(w.socket)
	case toHandle:
		w.socket.handle(w.packet)
		w.packet.Release()
	case toEnd:
		w.socket.end(w.reason)
	case toFarewell:
		w.socket.farewell(w.reason)
	case toClose:
		defer c.release()
		c.mu.Lock()
		sockets := c.sockets.all()
		c.sockets = memberships{}
		c.mu.Unlock()
		guard.All(sockets, func(s *Socket) { s.end(w.reason) }, func(err error) {
			if err != ErrExited { // else a func has ended the goroutine, and that was reported
				c.server.report(err)
			}
		})
	}
}
