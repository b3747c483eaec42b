package engineio

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// turn is how many bytes a connection may be given before the next one gets its turn.
	turn = 256 << 10
	// The wait before a full socket is tried again, which doubles as long as it takes nothing.
	minRetry = time.Millisecond
	maxRetry = 32 * time.Millisecond
)

// writers write to all sockets of a server, without ever waiting for one. Each connection belongs to one of them, which
// merges all that is queued for it into one write: a system call costs more than all else that is done for a frame.
type writers struct {
	all  []*writer
	last atomic.Uint32
}

func (w *writers) start(s *Server) {
	for range runtime.GOMAXPROCS(0) {
		one := &writer{server: s, wake: make(chan struct{}, 1), merger: merger{buf: make([]byte, 0, mergeSize)}}
		one.attempt = one.try
		w.all = append(w.all, one)
		s.helpers.Go(one.run)
	}
}

func (w *writers) pick() *writer { return w.all[w.last.Add(1)%uint32(len(w.all))] }

// writer is one goroutine that writes.
type writer struct {
	server *Server
	wake   chan struct{}

	mu         sync.Mutex // guards the run queue: connections with something to write, linked by next
	head, tail *Conn
	waiting    bool // wake has to be told

	// The goroutine's own.
	merger  merger
	attempt func(fd uintptr) bool
	out     []byte // what to write, in attempt
	n       int
	err     error
	full    []retry
	due     int64 // when the first of full is to be tried again
}

// retry is a connection whose socket was full.
type retry struct {
	conn *Conn
	due  int64
	wait time.Duration
}

// push puts a connection that is not there at the end of the run queue.
func (w *writer) push(c *Conn) {
	w.mu.Lock()
	if w.tail == nil {
		w.head = c
	} else {
		w.tail.next = c
	}
	w.tail = c
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

// take empties the run queue.
func (w *writer) take() *Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.head
	w.head, w.tail = nil, nil
	w.waiting = c == nil
	return c
}

func (w *writer) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		c := w.take()
		if c == nil {
			if !w.wait(timer) {
				return
			}
		}
		for c != nil {
			next := c.next
			c.next = nil
			if blocked, _ := w.flush(c); blocked {
				w.later(c, minRetry)
			}
			c = next
		}
		if len(w.full) > 0 && w.server.clock() >= w.due {
			w.retry()
		}
	}
}

// wait waits for the run queue, or for a full socket's time. It is false when there will be no more.
func (w *writer) wait(timer *time.Timer) bool {
	var due <-chan time.Time
	if len(w.full) > 0 {
		timer.Reset(time.Duration(w.due - w.server.clock()))
		due = timer.C
	}
	select {
	case <-w.server.stop:
		return false
	case <-w.wake:
		w.gather()
	case <-due:
	}
	return true
}

// gather lets all other goroutines run that can, for as long as they queue more frames for the same connections, so that each connection is
// written once. So events that are emitted one after another share a write, even if each Emit waits for a bus in this process. It does not
// wait for goroutines that cannot run.
func (w *writer) gather() {
	const (
		idle   = 3  // turns in a row that brought nothing: an Emit that waits for a bus in this process needs two
		plenty = 64 // frames for one write
	)
	for seen, quiet := w.first(), 0; quiet < idle && seen < plenty; {
		runtime.Gosched()
		if n := w.first(); n > seen {
			seen, quiet = n, 0
		} else {
			quiet++
		}
	}
}

// first returns how many frames wait for the connection that is first in the run queue.
func (w *writer) first() int {
	w.mu.Lock()
	c := w.head
	w.mu.Unlock()
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.frames
}

// later has a connection tried again.
func (w *writer) later(c *Conn, wait time.Duration) {
	r := retry{conn: c, due: w.server.clock() + int64(wait), wait: wait}
	if len(w.full) == 0 || r.due < w.due {
		w.due = r.due
	}
	w.full = append(w.full, r)
}

// retry tries the full sockets whose time has come.
func (w *writer) retry() {
	now := w.server.clock()
	all := w.full
	w.full = w.full[:0:0]
	for _, r := range all {
		if r.due > now {
			if len(w.full) == 0 || r.due < w.due {
				w.due = r.due
			}
			w.full = append(w.full, r)
			continue
		}
		switch blocked, progress := w.flush(r.conn); {
		case blocked && progress:
			w.later(r.conn, minRetry)
		case blocked:
			w.later(r.conn, min(2*r.wait, maxRetry))
		}
	}
}

// flush writes what is queued for c. blocked: its socket takes no more for now, and c must be tried again.
func (w *writer) flush(c *Conn) (blocked, progress bool) {
	for spent := 0; ; {
		c.mu.Lock()
		if c.phase.Load() == isClosed {
			c.mu.Unlock()
			return false, progress
		}
		s, l := c.socket, c.queue.take()
		c.mu.Unlock()

		done := w.write(s, &l)
		spent += done.written
		progress = progress || done.written > 0
		switch c.settle(l, done) {
		case socketIdle:
			return false, progress
		case socketFull:
			return true, progress
		case socketHalf:
			s.halfClose()
			return false, progress
		case socketDone:
			c.end("", nil, nil)
			return false, progress
		case socketFailed:
			c.end(TransportClose, done.err, nil)
			return false, progress
		}
		if spent >= turn {
			w.push(c)
			return false, progress
		}
	}
}

// write writes l until it is empty, or the socket full.
func (w *writer) write(s *socket, l *line) (done written) {
	for !l.empty() && done.written < turn {
		w.out, w.n, w.err = w.merger.next(s, l), 0, nil
		if len(w.out) > 0 {
			if err := s.raw.Write(w.attempt); err != nil {
				w.err = err
			}
		}
		done.add(s, l, w.n)
		if w.err != nil {
			done.err = w.err
			break
		}
		if w.n < len(w.out) {
			done.full = true
			break
		}
	}
	w.out = nil
	return done
}

// try is one attempt to write. It never asks to be called again when there is room.
func (w *writer) try(fd uintptr) bool {
	w.n, w.err = writeFD(fd, w.out)
	return true
}
