package sched_test

import (
	"bytes"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/socketio/internal/sched"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that must happen.
const patience = 2 * time.Minute

// task is a Task that calls a function.
type task func()

func (t task) Work() { t() }

// goroutine returns the line of a stack trace that identifies the calling goroutine.
func goroutine() string {
	var buf [64]byte
	id, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte(" ["))
	return string(id)
}

func newScheduler(t testing.TB) *sched.Scheduler {
	s := new(sched.Scheduler)
	t.Cleanup(s.Close)
	return s
}

func receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s after %v", what, patience)
		panic("unreachable")
	}
}

// waitIdle waits until n workers are idle.
func waitIdle(t testing.TB, s *sched.Scheduler, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Idle() == n }, patience, time.Millisecond,
		"number of idle workers, want %d", n)
}

func TestTaskInASlotRunsOnTheSlotsGoroutine(t *testing.T) {
	s := newScheduler(t)
	var here sched.Slot
	ran := ""
	require.False(t, here.Full(), "the zero slot must be empty")
	s.Start(task(func() { ran = goroutine() }), &here)
	require.True(t, here.Full(), "Start must fill an empty slot")
	require.Empty(t, ran, "Start must not run the task: the reader has not passed on all of its input")
	here.Run()
	require.Equal(t, goroutine(), ran)
	require.False(t, here.Full(), "Run must empty the slot")
}

func TestTaskWithoutASlotRunsElsewhere(t *testing.T) {
	s := newScheduler(t)
	ran := make(chan string, 1)
	s.Start(task(func() { ran <- goroutine() }), nil)
	require.NotEqual(t, goroutine(), receive(t, ran, "run of the task"))
}

func TestTaskForAFullSlotRunsElsewhere(t *testing.T) {
	s := newScheduler(t)
	var here sched.Slot
	first, second := make(chan string, 1), make(chan string, 1)
	s.Start(task(func() { first <- goroutine() }), &here)
	s.Start(task(func() { second <- goroutine() }), &here)
	require.NotEqual(t, goroutine(), receive(t, second, "run of the second task, which must not wait for the first"))
	here.Run()
	require.Equal(t, goroutine(), receive(t, first, "run of the first task"))
}

func TestSlotCanBeFilledByItsOwnTask(t *testing.T) {
	s := newScheduler(t)
	var here sched.Slot
	runs := 0
	s.Start(task(func() {
		runs++
		s.Start(task(func() { runs++ }), &here)
	}), &here)
	here.Run()
	require.True(t, here.Full(), "Run must empty the slot before it does the task")
	here.Run()
	require.Equal(t, 2, runs)
}

func TestIdleWorkersAreReused(t *testing.T) {
	s := newScheduler(t)
	ran := make(chan string, 1)
	var workers []string
	for range 10 {
		s.Start(task(func() { ran <- goroutine() }), nil)
		workers = append(workers, receive(t, ran, "run of a task"))
		waitIdle(t, s, 1)
	}
	for _, w := range workers {
		require.Equal(t, workers[0], w, "an idle worker must do the task, not a new goroutine")
	}
}

func TestTasksThatBlockHoldUpNoOthers(t *testing.T) {
	s := newScheduler(t)
	const blocked = 5 * sched.MaxIdle
	var started sync.WaitGroup
	started.Add(blocked)
	release := make(chan struct{})
	for range blocked {
		s.Start(task(func() {
			started.Done()
			<-release
		}), nil)
	}
	started.Wait() // all tasks block at the same time
	ran := make(chan struct{})
	s.Start(task(func() { close(ran) }), nil)
	receive(t, ran, "run of another task")
	close(release)
	waitIdle(t, s, sched.MaxIdle) // TestMain checks that the other workers end
}

// If a handler ends its goroutine, another goroutine must do the rest of the task.
func TestRestOfATaskRunsAfterGoexit(t *testing.T) {
	for name, start := range map[string]func(*sched.Scheduler, sched.Task){
		"InAWorker": func(s *sched.Scheduler, t sched.Task) { s.Start(t, nil) },
		"InASlot": func(s *sched.Scheduler, t sched.Task) {
			go func() {
				var here sched.Slot
				s.Start(t, &here)
				here.Run()
			}()
		},
		"InACaller": func(s *sched.Scheduler, t sched.Task) { go s.Run(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScheduler(t)
			var left atomic.Int32
			left.Store(10)
			done := make(chan struct{})
			start(s, task(func() {
				for left.Add(-1) > 0 {
					if left.Load()%3 == 0 {
						runtime.Goexit()
					}
				}
				close(done)
			}))
			receive(t, done, "end of the task")
		})
	}
}

func TestCloseEndsWorkers(t *testing.T) {
	s := new(sched.Scheduler)
	started, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.Start(task(func() {
		close(started)
		<-release
		close(ended)
	}), nil)
	receive(t, started, "start of the task")
	s.Start(task(func() {}), nil)
	waitIdle(t, s, 1)
	s.Close()
	require.Zero(t, s.Idle())
	close(release)
	receive(t, ended, "end of the task: Close must not end it early")
	late := make(chan struct{})
	s.Start(task(func() { close(late) }), nil)
	receive(t, late, "run of a task that was started after Close")
	// TestMain checks that no worker is left.
}

func BenchmarkStart(b *testing.B) {
	b.Run("Here", func(b *testing.B) {
		var s sched.Scheduler
		var here sched.Slot
		var t sched.Task = task(func() {})
		b.ReportAllocs()
		for b.Loop() {
			s.Start(t, &here)
			here.Run()
		}
	})
	b.Run("Worker", func(b *testing.B) {
		s := newScheduler(b)
		done := make(chan struct{})
		var t sched.Task = task(func() { done <- struct{}{} })
		b.ReportAllocs()
		for b.Loop() {
			s.Start(t, nil)
			<-done
		}
	})
}
