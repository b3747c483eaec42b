// Package sched decides which goroutine does a client's work: the one that has read the client's packet, or
// another one.
//
// # The way of a packet
//
// A packet takes one straight line from the network to the application's handler:
//
//  1. A goroutine reads from a connection. The decoder of WebSocket frames returns the messages in the input.
//  2. The session passes each message to its receiver, which decodes a Socket.IO packet and appends
//     it to the queue of the client.
//  3. If the client has no goroutine that works on its queue, the receiver calls Scheduler.Start
//     with the client as the Task.
//  4. Some goroutine calls Task.Work, which calls the handlers of the queued packets, one after the other, until
//     the queue is empty.
//
// Start never calls Work itself, for two reasons. The reader may have read more packets, which have to be queued
// first. And a handler may block for as long as it likes; while it does, neither the same client nor the others
// may go unread. So Start answers one question: which goroutine calls Work?
//
// # Here
//
// The reader itself, if it can be replaced. This is the case for the goroutines of package netpoll, each of
// which reads from many connections. Such a goroutine owns a Slot and passes it along with what it reads. Start
// puts the task into the slot if that is empty. When the goroutine has passed on everything that it has read
// from the connection, it looks into its slot. If there is a task, it lets another goroutine continue to read,
// and calls Slot.Run. Then it offers itself as a reader again.
//
// This is the fast way: the packet's bytes are still in the processor's cache, and no goroutine has to be woken.
// On a machine with little to do a single goroutine reads, decodes and handles the packets of one client after
// the other.
//
// # Elsewhere
//
// A worker, in all other cases: the message came in an HTTP request, or from a connection that has a goroutine
// of its own for reading, as with TLS; or the work is not due to a message at all, such as the end of a
// connection; or the slot is taken. Readers that have no slot pass nil. Start prefers an idle worker to a new
// goroutine, because its stack has grown already, and growing a stack costs more than a typical handler. At most
// 32 workers stay idle. There is no limit to how many workers are busy, since handlers may block: there are as
// many as there are clients with work.
//
// # Handlers that end their goroutine
//
// An application's handler may call runtime.Goexit, as testing.T.FailNow does. Wherever Work runs, the rest of
// the task is then given to another goroutine. So Work must not hold a lock while it calls a handler, and must
// have removed a packet from its queue before it calls the packet's handler.
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

// Slot is the offer of a reading goroutine to do one task itself, later. It belongs to that goroutine and is not
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

// maxIdle is how many workers stay when they have nothing to do.
const maxIdle = 32

// Scheduler has tasks done. The zero Scheduler is ready for use, and is safe for concurrent use.
type Scheduler struct {
	mu     sync.Mutex // guards all below
	idle   []chan Task
	closed bool
}

// Start has t done: by the owner of here, if here is not nil and empty, else by a worker. It does not block.
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

// Close ends the idle workers. The busy ones end after their task. Start may still be called; its workers do not
// stay.
func (s *Scheduler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, worker := range s.idle {
		close(worker)
	}
	s.idle = nil
}
