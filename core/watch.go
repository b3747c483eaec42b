package core

import (
	"sync/atomic"
	"time"
)

// stall is how long a delivery lasts when another goroutine takes over; it may be twice that.
const stall = 100 * time.Millisecond

// watch sees deliveries that do not end. Its timer runs only while there is something to see.
type watch struct {
	deliveries atomic.Uint64 // odd while one is under way
	seen       atomic.Uint64 // deliveries at the last look
	on         atomic.Bool
	timer      *time.Timer
	takeOver   func()
}

func newWatch(takeOver func()) *watch {
	w := &watch{takeOver: takeOver}
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Stop()
	return w
}

// begin notes that a delivery begins.
func (w *watch) begin() uint64 {
	n := w.deliveries.Add(1)
	if !w.on.Load() && w.on.CompareAndSwap(false, true) {
		w.timer.Reset(stall)
	}
	return n
}

// end reports whether who has delivered is still the receiver.
func (w *watch) end(n uint64) bool { return w.deliveries.CompareAndSwap(n, n+1) }

func (w *watch) look() {
	n := w.deliveries.Load()
	idle := w.seen.Swap(n) == n
	switch under := n%2 == 1; {
	case under && idle && w.deliveries.CompareAndSwap(n, n+1):
		w.takeOver()
	case !under && idle:
		w.on.Store(false)
		if w.deliveries.Load() == n || !w.on.CompareAndSwap(false, true) {
			return // at rest; the next delivery begins to watch again, if it has not already
		}
	}
	w.timer.Reset(stall)
}
