package netpoll

import (
	"sync"

	"github.com/backplane-go/backplane/internal/histogram"
)

// delays measures for how long connections with input wait until they are read.
type delays struct {
	once   sync.Once // guards the creation of delays
	delays *histogram.Histogram
}

func (d *delays) histogram() *histogram.Histogram {
	d.once.Do(func() { d.delays = histogram.Durations() })
	return d.delays
}

// Delay returns how long the pollers take to read from all connections that have input: one round of 16 is measured.
// Without pollers nothing is measured.
func (d *delays) Delay() histogram.Snapshot { return d.histogram().Snapshot() }
