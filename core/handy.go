package core

import (
	"sync/atomic"
	"time"
)

// The receiver calls Local itself only while Local is quick. Once a call has taken longer than quick, other goroutines do it
// for a while.
const (
	quick    = 100 * time.Microsecond
	distrust = 10 * time.Second
)

var processBegan = time.Now()

// handy remembers how long calls of Local take. It is safe for concurrent use.
type handy struct{ until atomic.Int64 } // no call until then, nanoseconds since processBegan; 0: none was slow

// due reports whether calling is worth a try.
func (h *handy) due() bool {
	until := h.until.Load()
	return until == 0 || int64(time.Since(processBegan)) > until
}

// time calls f and remembers how long it took.
func (h *handy) time(f func()) {
	start := time.Now()
	f()
	if took := time.Since(start); took > quick {
		h.until.Store(int64(time.Since(processBegan) + distrust))
	}
}
