package netpoll

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// countingSource counts the frames that wait for it.
type countingSource struct{ frames atomic.Int32 }

func (s *countingSource) Waiting() int                 { return int(s.frames.Load()) }
func (s *countingSource) Flush([]byte) (Flushed, bool) { return Empty, false }

func TestWriterWaitsWhileMoreIsQueued(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes Go's scheduler run goroutines in random order")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	bus := make(chan chan bool)
	go func() { // answers as the bus of a cluster in this process does
		for answer := range bus {
			answer <- true
		}
	}()
	var s countingSource
	var w Writer
	w.Push(&Output{Source: &s})
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range 20 {
			s.frames.Add(1)
			answer := make(chan bool)
			bus <- answer
			<-answer
		}
	}()
	w.gather()
	n := s.Waiting()
	<-sent
	close(bus)
	require.Greater(t, n, 1, "frames for one write; 20 if nothing else of this process runs")
}
