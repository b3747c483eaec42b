package chaos

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// recorder writes a node's events. Whoever notes one does not wait for who reads them.
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

// note notes an event, at this moment unless it has a time.
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
				panic(err) // an Event holds nothing that JSON cannot express
			}
			lines = append(append(lines, line...), '\n')
		}
		if _, err := r.out.Write(lines); err != nil {
			return // who reads has gone, and will end this process
		}
	}
}

// close writes what is left.
func (r *recorder) close() {
	close(r.wake)
	<-r.done
}

// beat is how often a node looks whether it runs at all.
const beat = 5 * time.Millisecond

// listenToItself notes for how long the process did not run, until ctx ends: it is stopped, or short of processors.
func (r *recorder) listenToItself(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	last := time.Now()
	for ctx.Err() == nil {
		<-ticker.C
		t := time.Now()
		if excess := t.Sub(last) - beat; excess > beat {
			r.note(Event{Kind: Noise, At: t.UnixMicro(), Excess: excess.Microseconds()})
		}
		last = t
	}
}

func now() int64 { return time.Now().UnixMicro() }

func clock(microseconds int64) string { return time.UnixMicro(microseconds).Format("15:04:05.000") }
