package engineio

import (
	"container/heap"
	"sync"
	"time"
)

// ringer is what an alarm wakes. ring must not block; it may set the alarm again.
type ringer interface{ ring(now int64) }

// alarm is a point in time at which something has to be looked at. It is part of what it wakes, so that a heartbeat
// costs a connection no timer of the runtime.
type alarm struct {
	due   int64 // nanoseconds on the server's clock
	owner ringer
	index int // in the heap, plus one; 0: not set
}

// alarms wakes ringers when they are due, from one goroutine.
type alarms struct {
	slack time.Duration // how late an alarm may ring, so that many ring at once
	clock func() int64

	mu   sync.Mutex // guards all below and all alarms
	heap alarmHeap
	wake chan struct{} // the first one is earlier than it was
}

func newAlarms(clock func() int64, slack time.Duration) *alarms {
	return &alarms{clock: clock, slack: slack, wake: make(chan struct{}, 1)}
}

// set makes a ring at due, or at a new time if it was set.
func (s *alarms) set(a *alarm, due int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.due = due
	if a.index == 0 {
		heap.Push(&s.heap, a)
	} else {
		heap.Fix(&s.heap, a.index-1)
	}
	s.first(a)
}

// hasten makes a ring at due if it is set to a later time.
func (s *alarms) hasten(a *alarm, due int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.index == 0 || a.due <= due {
		return
	}
	a.due = due
	heap.Fix(&s.heap, a.index-1)
	s.first(a)
}

// first sees to it that run waits no longer than for a if that is the first now. The caller holds mu.
func (s *alarms) first(a *alarm) {
	if a.index != 1 {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// stop keeps a from ringing, unless it rings already.
func (s *alarms) stop(a *alarm) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.index != 0 {
		heap.Remove(&s.heap, a.index-1)
	}
}

// run rings until stop is closed.
func (s *alarms) run(stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := s.ring()
		if wait < 0 {
			timer.Stop()
		} else {
			timer.Reset(wait)
		}
		select {
		case <-stop:
			return
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// ring rings what is due and says how long to wait for the next, negative: there is none.
func (s *alarms) ring() time.Duration {
	for {
		now := s.clock()
		s.mu.Lock()
		if len(s.heap) == 0 {
			s.mu.Unlock()
			return -1
		}
		first := s.heap[0]
		if wait := time.Duration(first.due - now); wait > 0 {
			s.mu.Unlock()
			return wait + s.slack
		}
		heap.Pop(&s.heap)
		s.mu.Unlock()
		first.owner.ring(now)
	}
}

// alarmHeap is a heap.Interface: the first is due first.
type alarmHeap []*alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].due < h[j].due }

func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *alarmHeap) Push(x any) {
	a := x.(*alarm)
	*h = append(*h, a)
	a.index = len(*h)
}

func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	a.index = 0
	return a
}
