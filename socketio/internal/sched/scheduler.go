// Package sched decides which goroutine does a client's work: the one that has read the client's packet, or
// another one.
//
// # The path of a packet
//
// A packet takes one straight line from the network to the application's handler:
//
//  1. A goroutine reads from a connection. The decoder of WebSocket frames returns the messages in the input.
//  2. The session passes each message to its receiver, which decodes a Socket.IO packet and appends
//     it to the queue of the client.
//  3. If no goroutine works on the client's queue, the receiver calls Scheduler.Start with the client as the
//     Task.
//  4. Some goroutine calls Task.Work, which calls the handlers of the queued packets, one after the other, until
//     the queue is empty.
//
// Start never calls Work itself, for two reasons. The reader may have read more packets, which have to be
// queued first. And a handler may block for as long as it likes; meanwhile, the goroutine has to go on reading
// from the same client and from others. So Start answers one question: which goroutine calls Work?
//
// # Here
//
// The reader itself calls Work, if another goroutine can take over the reading. This is the case for the
// goroutines of package netpoll, each of which reads from many connections. Such a goroutine owns a Slot and
// passes it on with the input. Start puts the task into the slot if that is empty. When the goroutine has
// passed on all input of the connection, it looks into its slot. If there is a task, it lets another goroutine
// continue to read, and calls Slot.Run. Afterwards it is available for reading again.
//
// This is the fast path: the packet's bytes are still in the processor's cache, and no goroutine has to be
// woken. On a machine with little load, a single goroutine reads, decodes and handles the packets of one client
// after the other.
//
// # Elsewhere
//
// In all other cases a worker calls Work: if the message arrived in an HTTP request, or on a connection with
// its own goroutine for reading, as with TLS; if the work is not caused by a message, such as the end of a
// connection; or if the slot is full. Readers without a slot pass nil. Start prefers an idle worker to a new
// goroutine, because its stack has grown already, and growing a stack costs more than a typical handler. At
// most 32 workers stay idle. There is no limit to how many workers are busy, since handlers may block: there
// are as many as there are clients with work.
//
// # Handlers that end their goroutine
//
// An application's handler may call runtime.Goexit, as testing.T.FailNow does. Another goroutine then does the
// rest of the task. So Work must not hold a lock while it calls a handler, and must have removed a packet from
// its queue before it calls the packet's handler.
//
// The client, not the scheduler, knows whether it has a goroutine, because it has to decide that under the lock
// of its queue: see Client.enqueue in package client.
package sched

import "sync"

// Task is the queued work of one client.
type Task interface {
	// Work does the work until nothing is left. It may block. It is called again after a handler has ended its
	// goroutine.
	Work()
}

// Slot holds one task that a reading goroutine will do itself, later. It belongs to that goroutine and is not
// safe for concurrent use. The zero Slot is empty.
type Slot struct {
	scheduler *Scheduler
	task      Task // nil: the slot is empty
}

// Full reports whether the slot has a task.
func (s *Slot) Full() bool { return s.task != nil }

// Run empties the slot, which must be full, and does its task on the calling goroutine.
func (s *Slot) Run() {
	task := s.task
	s.task = nil // the task may be the last reference to a client
	s.scheduler.Run(task)
}

// maxIdle is the maximum number of idle workers that are kept.
const maxIdle = 32

// Scheduler runs tasks on workers or on the goroutines of readers. The zero Scheduler is ready for use. It is
// safe for concurrent use.
type Scheduler struct {
	mu     sync.Mutex // guards the fields below
	idle   []chan Task
	closed bool
}

// Start makes a goroutine do t: the owner of here, if here is not nil and is empty, or else a worker. It does
// not block.
func (s *Scheduler) Start(t Task, here *Slot) {
	if here != nil && here.task == nil {
		here.scheduler, here.task = s, t
		return
	}
	s.mu.Lock()
	n := len(s.idle)
	if n == 0 {
		s.mu.Unlock()
		go s.serveTasks(t)
		return
	}
	worker := s.idle[n-1]
	s.idle = s.idle[:n-1]
	s.mu.Unlock()
	worker <- t // an idle worker's channel has room
}

// Run does t on the calling goroutine. If t ends the goroutine, a worker does the rest of it.
func (s *Scheduler) Run(t Task) {
	done := false
	defer func() {
		if !done {
			s.Start(t, nil)
		}
	}()
	t.Work()
	done = true
}

// serveTasks is the goroutine of a worker. t is its first task.
func (s *Scheduler) serveTasks(t Task) {
	tasks := make(chan Task, 1)
	for t != nil {
		s.Run(t)
		t = nil // an idle worker must not keep a client's memory
		s.mu.Lock()
		if s.closed || len(s.idle) == maxIdle {
			s.mu.Unlock()
			return
		}
		s.idle = append(s.idle, tasks)
		s.mu.Unlock()
		t = <-tasks
	}
}

// Close ends the idle workers. Busy workers end after their task. Start may still be called; its workers end
// after their task too.
func (s *Scheduler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, worker := range s.idle {
		close(worker)
	}
	s.idle = nil
}
