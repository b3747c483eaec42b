package chaos

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// recorder writes a node's events. note does not wait for the reader.
type recorder struct {
	out io.Writer

	mu      sync.Mutex
	waiting []Event
	wake    chan struct{} // capacity 1
	done    chan struct{}
}

func newRecorder(out io.Writer) *recorder {
	r := &recorder{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go r.write()
	return r
}

// note writes an event. Its time is now if it has none.
func (r *recorder) note(e Event) {
	r.mu.Lock()
	if e.At == 0 {
		e.At = now()
	}
	r.waiting = append(r.waiting, e)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *recorder) write() {
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
				panic(err) // an Event can always be encoded
			}
			lines = append(append(lines, line...), '\n')
		}
		if _, err := r.out.Write(lines); err != nil {
			return // the reader has ended and will end this process
		}
	}
}

// close writes the remaining events.
func (r *recorder) close() {
	close(r.wake)
	<-r.done
}

// pauseInterval is how often a node checks whether its process runs.
const pauseInterval = 5 * time.Millisecond

// measurePauses records for how long the process did not run, because it was paused or had no processor, until ctx
// ends.
func (r *recorder) measurePauses(ctx context.Context) {
	ticker := time.NewTicker(pauseInterval)
	defer ticker.Stop()
	last := time.Now()
	for ctx.Err() == nil {
		<-ticker.C
		t := time.Now()
		if excess := t.Sub(last) - pauseInterval; excess > pauseInterval {
			r.note(Event{Kind: Noise, At: t.UnixMicro(), Excess: excess.Microseconds()})
		}
		last = t
	}
}

func now() int64 { return time.Now().UnixMicro() }

func clock(microseconds int64) string { return time.UnixMicro(microseconds).Format("15:04:05.000") }
