package conformance

import (
	"bytes"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// callLoop makes a call repeatedly on its own goroutine, until the call returns an error or the test has ended.
type callLoop struct {
	goroutine atomic.Pointer[string] // its number
	calls     atomic.Int64           // calls that have begun
	begun     chan struct{}          // closed when enough calls have begun
	done      <-chan error
}

// startLoop starts such a loop. Enough calls have begun when f is called with n = enough; n counts from 0.
func (c *checker) startLoop(enough int, f func(n int) error) *callLoop {
	l := &callLoop{begun: make(chan struct{})}
	l.done = c.runInBackground(func() error {
		id := goroutineID()
		l.goroutine.Store(&id)
		for n := 0; c.Context().Err() == nil; n++ {
			l.calls.Add(1)
			if n == enough {
				close(l.begun)
			}
			if err := f(n); err != nil {
				return err
			}
		}
		return c.Context().Err()
	})
	return l
}

// waitEnded waits until a call has returned an error, and returns the error.
func (l *callLoop) waitEnded() error { return <-l.done }

// waitBegun waits until enough calls have begun.
func (l *callLoop) waitBegun(c *checker) {
	limit := time.NewTimer(c.patience)
	defer limit.Stop()
	select {
	case <-l.begun:
	case <-limit.C:
	}
}

// waitBlocked waits until the goroutine is blocked, as in a call that has nothing to do. It gives up after some
// time if the goroutine never blocks.
func (l *callLoop) waitBlocked(c *checker) {
	for start, seen := time.Now(), 0; seen < 2 && time.Since(start) < c.patience/10; time.Sleep(10 * time.Microsecond) {
		id := l.goroutine.Load()
		if id == nil {
			continue
		}
		state, _, _ := strings.Cut(strings.TrimPrefix(goroutines()[*id], *id+" ["), "]")
		if strings.HasPrefix(state, "run") { // running or runnable
			seen = 0
		} else {
			seen++
		}
	}
}

// goroutineID returns the beginning of this goroutine's stack, such as "goroutine 12".
func goroutineID() string {
	var buf [64]byte
	header, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte(" ["))
	return string(header)
}
