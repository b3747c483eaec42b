// Package timers implements a timer heap. One goroutine serves all timers of a server, so that the heartbeat of
// a connection needs no runtime timer.
package timers

import (
	"container/heap"
	"sync"
	"time"
)

// Expirer is the owner of a Timer.
type Expirer interface {
	// Expire is called when the timer is due. now is the time on the heap's clock. Expire must not block. It
	// may set the timer again.
	Expire(now int64)
}

// Timer is a point in time at which an Expirer is called. It is meant to be a field of the Expirer. The Heap in
// which it is set guards it.
type Timer struct {
	// Owner is called when the timer is due. It must be assigned before the timer is set, and must not change
	// while the timer is set.
	Owner Expirer

	due   int64 // nanoseconds on the heap's clock
	index int   // in the heap, plus one; 0: not set
}

// Heap calls the owners of timers that are due. It is safe for concurrent use.
type Heap struct {
	// Slack is how late a timer may expire, so that one wake-up serves many timers.
	Slack time.Duration

	clock func() int64

	mu    sync.Mutex // guards the fields below and the timers that are set
	queue queue
	wake  chan struct{} // signals that the first timer is due earlier than before
}

// New returns a heap without timers. clock returns nanoseconds since any point in time.
func New(clock func() int64, slack time.Duration) *Heap {
	return &Heap{Slack: slack, clock: clock, wake: make(chan struct{}, 1)}
}

// Now returns the time on the heap's clock.
func (h *Heap) Now() int64 { return h.clock() }

// Set sets t to due, whether or not t is already set.
func (h *Heap) Set(t *Timer, due int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.due = due
	if t.index == 0 {
		heap.Push(&h.queue, t)
	} else {
		heap.Fix(&h.queue, t.index-1)
	}
	h.wakeFor(t)
}

// Advance sets t to due if it is set to a later time. It does nothing if t is not set.
func (h *Heap) Advance(t *Timer, due int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.index == 0 || t.due <= due {
		return
	}
	t.due = due
	heap.Fix(&h.queue, t.index-1)
	h.wakeFor(t)
}

// wakeFor wakes Serve if t is the first timer now. The caller holds mu.
func (h *Heap) wakeFor(t *Timer) {
	if t.index != 1 {
		return
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Stop unsets t. It does not wait for a call of Expire that has begun.
func (h *Heap) Stop(t *Timer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.index != 0 {
		heap.Remove(&h.queue, t.index-1)
	}
}

// Serve calls the owners of timers until stop is closed.
func (h *Heap) Serve(stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if wait := h.expireDue(); wait < 0 {
			timer.Stop()
		} else {
			timer.Reset(wait)
		}
		select {
		case <-stop:
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// expireDue calls the owners of all timers that are due. It returns how long to wait for the next timer, or -1
// if there is none.
func (h *Heap) expireDue() time.Duration {
	for {
		now := h.clock()
		h.mu.Lock()
		if len(h.queue) == 0 {
			h.mu.Unlock()
			return -1
		}
		first := h.queue[0]
		if wait := time.Duration(first.due - now); wait > 0 {
			h.mu.Unlock()
			return wait + h.Slack
		}
		heap.Pop(&h.queue)
		h.mu.Unlock()
		first.Owner.Expire(now)
	}
}

// queue is a heap.Interface: the first timer is due first.
type queue []*Timer

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i+1, j+1
}

func (q *queue) Push(x any) {
	t := x.(*Timer)
	*q = append(*q, t)
	t.index = len(*q)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.index = 0
	return t
}
