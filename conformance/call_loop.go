package conformance

import (
	"bytes"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// callLoop calls something again and again on a goroutine of its own, until it returns an error or the test has ended.
type callLoop struct {
	goroutine atomic.Pointer[string] // of the goroutine
	calls     atomic.Int64           // that have begun
	begun     chan struct{}          // closed when enough of them have
	done      <-chan error
}

// startLoop begins such a loop. Enough calls have begun when f is called with n, which counts from 0.
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

// waitEnded waits until a call has returned an error, and returns it.
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

// waitBlocked waits until the goroutine waits for something, as it does in a call that has nothing to do. An implementation that never
// waits is given some time.
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

// goroutineID returns what a stack begins with, such as "goroutine 12".
func goroutineID() string {
	var buf [64]byte
	header, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte(" ["))
	return string(header)
}
