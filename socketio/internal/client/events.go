package client

import (
	"runtime"
	"time"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// awaitingFactor multiplies the number of events (but not of bytes) that may be queued while the server waits
// for acknowledgements. An acknowledgement may arrive after many events, and a handler of a queued event may be
// waiting for it.
const awaitingFactor = 16

// push queues a task for a packet that the reader has received. The reader's goroutine offers to do it through
// here. more reports whether there is room for another.
func (c *Client) push(t task, here *sched.Slot) (more bool) {
	c.mu.Lock()
	if c.dead {
		if t.kind == toConnect {
			c.live--
		}
		c.mu.Unlock()
		return true
	}
	idle := c.enqueue(t)
	c.paused = c.full()
	more = !c.paused
	c.mu.Unlock()
	if idle {
		c.config.Scheduler.Start(c, here)
	}
	return more
}

// enqueueFor queues a task that another goroutine than the caller's does.
func (c *Client) enqueueFor(t task) {
	c.mu.Lock()
	idle := c.enqueue(t)
	c.mu.Unlock()
	if idle {
		c.config.Scheduler.Start(c, nil)
	}
}

// Finish queues a call of Socket.Finish.
func (c *Client) Finish(s Socket, reason string) {
	c.enqueueFor(task{kind: toFinish, socket: s, reason: reason})
}

// FinishNow is like Finish, but when it returns, Socket.Finish has been called, unless another goroutine works
// on the queue and calls it later.
func (c *Client) FinishNow(s Socket, reason string) {
	c.mu.Lock()
	idle := c.enqueue(task{kind: toFinish, socket: s, reason: reason})
	c.mu.Unlock()
	if idle {
		c.config.Scheduler.Run(c)
	}
}

// enqueue queues a task. idle reports that no goroutine works on the queue, so the caller has to start one. The
// caller holds mu.
func (c *Client) enqueue(t task) (idle bool) {
	c.queue.push(t)
	idle = !c.working
	c.working = true
	return idle
}

// full reports whether there is no room for another event. The caller holds mu.
func (c *Client) full() bool {
	limit := c.config.MaxEvents
	if c.awaited.Load() > 0 {
		limit *= awaitingFactor
	}
	return !c.account.Settle(c.config.Memory, c.queue.bytes) || c.queue.len() >= limit ||
		c.queue.bytes >= c.config.MaxEventBytes
}

// drained reports whether reading may resume. The queue must be half empty first, because pausing costs more
// than handling an event. The caller holds mu.
func (c *Client) drained() bool {
	return c.queue.len() <= c.config.MaxEvents/2 && c.queue.bytes <= c.config.MaxEventBytes/2
}

// unlock unlocks mu, and resumes reading if resume is true.
func (c *Client) unlock(resume bool) {
	if resume {
		c.paused = false
	}
	c.mu.Unlock()
	if resume {
		c.conn.Resume()
	}
}

// Awaited returns the number of acknowledgements that the server waits for.
func (c *Client) Awaited() int { return int(c.awaited.Load()) }

// Await changes the number of acknowledgements that the server waits for.
func (c *Client) Await(change int) {
	c.config.Counts.await(change)
	if n := c.awaited.Add(int32(change)); change > 0 && n == 1 {
		c.mu.Lock()
		c.unlock(c.paused && !c.full()) // the acknowledgement may come after events that have not been read yet
	}
}

// yieldAfter is the number of events of one client after which other goroutines may run, above all the writer:
// on a machine with one processor, the answers to a burst of events would otherwise fill the client's send
// queue.
const yieldAfter = 256

// Work implements sched.Task. It does the queued tasks.
func (c *Client) Work() {
	for n := 1; ; n++ {
		if n%yieldAfter == 0 {
			runtime.Gosched()
		}
		c.mu.Lock()
		if c.queue.len() == 0 {
			c.queue.shrink()
			c.working = false
			c.mu.Unlock()
			return
		}
		t := c.queue.pop()
		c.account.Settle(c.config.Memory, c.queue.bytes)
		c.unlock(c.paused && c.drained())
		c.perform(t)
	}
}

func (c *Client) perform(t task) {
	switch t.kind {
	case toConnect:
		c.host.Connect(t.socket)
	case toHandle:
		if c.config.SlowAfter > 0 || t.timed {
			c.handleTimed(t)
		} else {
			t.socket.Handle(t.packet)
		}
		t.packet.Release()
	case toEnd:
		t.socket.End(t.reason)
	case toFinish:
		t.socket.Finish(t.reason)
	case toClose:
		defer c.Release()
		c.mu.Lock()
		all := c.sockets.all()
		c.sockets = sockets{}
		c.mu.Unlock()
		guard.All(all, func(s Socket) { s.End(t.reason) }, func(err error) {
			if err != fault.ErrExited { // if a function has ended its goroutine, that has already been reported
				c.config.Report(err)
			}
		})
	}
}

// handleTimed calls the functions for an event, measures how long they take, and calls Host.OnSlow if that was long.
func (c *Client) handleTimed(t task) {
	began := time.Now()
	t.socket.Handle(t.packet)
	took := time.Since(began)
	if t.timed {
		c.config.Counts.HandlerTime.Observe(int64(took))
	}
	if c.config.SlowAfter > 0 && took >= c.config.SlowAfter {
		args, _ := t.packet.Args() // the decoder has checked it
		c.host.OnSlow(t.socket, args.Event(), took)
	}
}
