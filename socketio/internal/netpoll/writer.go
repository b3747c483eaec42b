package netpoll

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// WriteTurn is how many bytes are written to one connection before others are served.
	WriteTurn = 256 << 10
	// How long to wait before writing again to a connection that had no room. The wait doubles until there is
	// room.
	minRetry = time.Millisecond
	maxRetry = 32 * time.Millisecond
)

// Flushed is the state of a Source after Flush.
type Flushed int

const (
	Empty Flushed = iota // nothing is left; the owner pushes the Output when there is something to write
	Full                 // the connection has no room; Flush is called again after a while
	More                 // WriteTurn was reached; Flush is called again after others
)

// Source is the queue of one connection. Only one goroutine at a time calls its methods.
type Source interface {
	// Flush writes queued frames and does not block. It may use buf as scratch space. progress reports whether
	// something was written.
	Flush(buf []byte) (left Flushed, progress bool)
	// Waiting returns the number of queued frames.
	Waiting() int
}

// Output is the entry of a Source in the list of its Writer. It is meant to be a field of the Source.
type Output struct {
	Source Source
	next   *Output // guarded by the Writer
}

// Writers writes to all connections of a server whose writes do not block. The zero Writers has no goroutines
// until Start.
type Writers struct {
	all  []*Writer
	last atomic.Uint32
	stop chan struct{}
	once sync.Once // guards the closing of stop
	done sync.WaitGroup
}

// Start starts one Writer for each processor that Go uses, each with a buffer of size bytes. clock returns
// nanoseconds.
func (w *Writers) Start(clock func() int64, size int) {
	w.stop = make(chan struct{})
	for range runtime.GOMAXPROCS(0) {
		one := &Writer{clock: clock, stop: w.stop, wake: make(chan struct{}, 1), buf: make([]byte, 0, size)}
		w.all = append(w.all, one)
		w.done.Go(one.serve)
	}
}

// Close ends the writers and waits for them. It may be called more than once.
func (w *Writers) Close() {
	w.once.Do(func() {
		if w.stop != nil {
			close(w.stop)
		}
	})
	w.done.Wait()
}

// Pick returns the Writer of a new connection. Start must have been called.
func (w *Writers) Pick() *Writer { return w.all[w.last.Add(1)%uint32(len(w.all))] }

// Writer writes to connections on one goroutine. It merges the queued frames of a connection into few writes,
// because a system call costs more than all other work for a frame.
type Writer struct {
	clock func() int64
	stop  chan struct{}
	wake  chan struct{}

	mu         sync.Mutex // guards the list of outputs that have something to write
	head, tail *Output
	waiting    bool // the goroutine waits for wake

	// only for the goroutine
	buf  []byte
	full []retry
	due  int64 // when the first element of full is tried again
}

// retry is an output whose connection had no room.
type retry struct {
	output *Output
	due    int64
	wait   time.Duration
}

// Push makes the writer write the queue of o. o must not be in the list already: it may be pushed again only
// after its Flush has returned Empty.
func (w *Writer) Push(o *Output) {
	w.mu.Lock()
	if w.tail == nil {
		w.head = o
	} else {
		w.tail.next = o
	}
	w.tail = o
	wake := w.waiting
	w.waiting = false
	w.mu.Unlock()
	if wake {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// takeAll empties the list.
func (w *Writer) takeAll() *Output {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.head
	w.head, w.tail = nil, nil
	w.waiting = o == nil
	return o
}

func (w *Writer) serve() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		o := w.takeAll()
		if o == nil && !w.wait(timer) {
			return
		}
		for o != nil {
			next := o.next
			o.next = nil
			w.flush(o, minRetry)
			o = next
		}
		if len(w.full) > 0 && w.clock() >= w.due {
			w.retryFull()
		}
	}
}

// wait waits until there is something to write or to try again. It returns false when the writer is closed.
func (w *Writer) wait(timer *time.Timer) bool {
	var due <-chan time.Time
	if len(w.full) > 0 {
		timer.Reset(time.Duration(w.due - w.clock()))
		due = timer.C
	}
	select {
	case <-w.stop:
		return false
	case <-w.wake:
		w.gather()
	case <-due:
	}
	return true
}

// gather yields to all runnable goroutines for as long as they queue more frames for the first connection of
// the list. So events that are emitted one after the other share one write, even if each Emit waits for a bus
// in this process. It does not wait for blocked goroutines.
func (w *Writer) gather() {
	const (
		maxQuiet = 3  // rounds without a new frame: an Emit that waits for a bus in this process needs two
		plenty   = 64 // frames for one write
	)
	for seen, quiet := w.firstWaiting(), 0; quiet < maxQuiet && seen < plenty; {
		runtime.Gosched()
		if n := w.firstWaiting(); n > seen {
			seen, quiet = n, 0
		} else {
			quiet++
		}
	}
}

// firstWaiting returns the number of queued frames of the first connection in the list.
func (w *Writer) firstWaiting() int {
	w.mu.Lock()
	o := w.head
	w.mu.Unlock()
	if o == nil {
		return 0
	}
	return o.Source.Waiting()
}

// flush writes the queue of o. If the connection has no room, flush schedules another try after wait, or sooner
// if something was written.
func (w *Writer) flush(o *Output, wait time.Duration) {
	switch left, progress := o.Source.Flush(w.buf); {
	case left == More:
		w.Push(o)
	case left == Full && progress:
		w.later(retry{output: o, wait: minRetry, due: w.clock() + int64(minRetry)})
	case left == Full:
		w.later(retry{output: o, wait: wait, due: w.clock() + int64(wait)})
	}
}

// later schedules another try.
func (w *Writer) later(r retry) {
	if len(w.full) == 0 || r.due < w.due {
		w.due = r.due
	}
	w.full = append(w.full, r)
}

// retryFull tries the outputs that are due.
func (w *Writer) retryFull() {
	now := w.clock()
	all := w.full
	w.full = w.full[:0:0]
	for _, r := range all {
		if r.due > now {
			w.later(r)
		} else {
			w.flush(r.output, min(2*r.wait, maxRetry))
		}
	}
}
