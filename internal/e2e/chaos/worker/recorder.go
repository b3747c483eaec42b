package worker

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Recorder writes a process's events. Note does not wait for the reader.
type Recorder struct {
	out io.Writer

	mu      sync.Mutex
	waiting []any
	wake    chan struct{} // capacity 1
	done    chan struct{}
}

// NewRecorder returns a recorder that writes to out.
func NewRecorder(out io.Writer) *Recorder {
	r := &Recorder{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go r.write()
	return r
}

// Note writes an event, which can be encoded as JSON.
func (r *Recorder) Note(e any) {
	r.mu.Lock()
	r.waiting = append(r.waiting, e)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Recorder) write() {
	defer close(r.done)
	for range r.wake {
		r.mu.Lock()
		events := r.waiting
		r.waiting = nil
		r.mu.Unlock()
		var lines []byte
		for _, e := range events {
			line, err := json.Marshal(e)
			if err != nil {
				panic(err) // events can always be encoded
			}
			lines = append(append(lines, line...), '\n')
		}
		if _, err := r.out.Write(lines); err != nil {
			return // the reader has ended and will end this process
		}
	}
}

// Close writes the remaining events.
func (r *Recorder) Close() {
	close(r.wake)
	<-r.done
}

// pauseInterval is how often a process checks whether its process runs.
const pauseInterval = 5 * time.Millisecond

// MeasurePauses calls note for each time in which the process did not run, because it was paused or had no processor,
// until ctx ends.
func MeasurePauses(ctx context.Context, note func(end time.Time, excess time.Duration)) {
	ticker := time.NewTicker(pauseInterval)
	defer ticker.Stop()
	last := time.Now()
	for ctx.Err() == nil {
		<-ticker.C
		t := time.Now()
		if excess := t.Sub(last) - pauseInterval; excess > pauseInterval {
			note(t, excess)
		}
		last = t
	}
}
