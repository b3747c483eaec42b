// Package histogram counts observations in fixed buckets, without locks.
package histogram

import (
	"sync/atomic"
	"time"
)

// Histogram counts observations. It is safe for concurrent use. Make one with Durations or Sizes.
type Histogram struct {
	bounds []int64 // the largest observation of each bucket but the last
	unit   float64 // one unit of an observation, as it is in a Snapshot
	counts []atomic.Uint64
	sum    atomic.Int64
}

// Snapshot is a state of a Histogram.
type Snapshot struct {
	// Bounds are the upper bounds of the buckets, inclusive and ascending. The last bucket has none.
	Bounds []float64
	// Counts are the observations in each bucket, one more than there are bounds. They are not cumulative.
	Counts []uint64
	// Sum is the sum of all observations.
	Sum float64
}

// Count returns the number of observations.
func (s Snapshot) Count() (n uint64) {
	for _, c := range s.Counts {
		n += c
	}
	return n
}

var (
	durations = []time.Duration{
		100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
		2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
		50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
		2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
	}
	sizes = []int64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096}
)

// Durations returns a Histogram of times from 100 µs to 10 s. Its snapshots are in seconds.
func Durations() *Histogram {
	bounds := make([]int64, len(durations))
	for i, d := range durations {
		bounds[i] = int64(d)
	}
	return newHistogram(bounds, 1/float64(time.Second))
}

// Sizes returns a Histogram of numbers of items, in powers of two from 1 to 4096.
func Sizes() *Histogram { return newHistogram(sizes, 1) }

func newHistogram(bounds []int64, unit float64) *Histogram {
	return &Histogram{bounds: bounds, unit: unit, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts an observation: nanoseconds in a Histogram of Durations, items in one of Sizes.
func (h *Histogram) Observe(v int64) {
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] { // most observations are small
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(v)
}

// Snapshot returns what was observed so far. Observations that are made meanwhile may be in it in part.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{Bounds: make([]float64, len(h.bounds)), Counts: make([]uint64, len(h.counts)),
		Sum: float64(h.sum.Load()) * h.unit}
	for i, b := range h.bounds {
		s.Bounds[i] = float64(b) * h.unit
	}
	for i := range h.counts {
		s.Counts[i] = h.counts[i].Load()
	}
	return s
}
