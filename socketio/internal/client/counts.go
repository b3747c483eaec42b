package client

import (
	"sync/atomic"

	"github.com/backplane-go/backplane/internal/histogram"
)

// measureEach is which events are measured: one of so many. Reading the clock twice for each event would cost more than
// the rest of what is counted.
const measureEach = 16

// Counts are the counters of all clients of a server. Make one with NewCounts. The methods of a nil *Counts do nothing.
type Counts struct {
	Events, Acks atomic.Uint64 // received
	Awaited      atomic.Int64  // acknowledgements that the server waits for
	HandlerTime  *histogram.Histogram
}

// NewCounts returns new counters.
func NewCounts() *Counts { return &Counts{HandlerTime: histogram.Durations()} }

// event counts an event, and reports whether the time of its handlers is to be measured.
func (c *Counts) event() (measured bool) { return c != nil && c.Events.Add(1)%measureEach == 1 }

func (c *Counts) ack() {
	if c != nil {
		c.Acks.Add(1)
	}
}

func (c *Counts) await(change int) {
	if c != nil {
		c.Awaited.Add(int64(change))
	}
}
