package wire

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Storer puts the bodies of large messages into a store, so that they can be sent as references. It makes a few round
// trips at a time, each for many bodies where the store can, and each within a timeout. It is safe for concurrent
// use.
//
// With a store that does not answer, a message waits for one and a half timeouts at most, however many there are:
// when a round trip has timed out, and nothing was stored meanwhile, all messages that have waited for half of that
// time are given up with it. A store that does not return when its time is over is stuck: its round trip is given up
// Grace later, and when all round trips are stuck, Add refuses everything.
type Storer struct {
	wire    *Wire
	store   Store
	timeout time.Duration
	spawn   func(func()) // starts a goroutine
	trips   int          // the most round trips at a time

	mu    sync.Mutex // guards all below
	todo  []waiting
	busy  int       // goroutines that store
	stuck int       // those of them whose store has not returned in time
	last  time.Time // when something was stored
}

// Spilled is a message whose body is to be stored.
type Spilled interface {
	// Message is the message. It is the Storer's until Stored is called.
	Message() *Outgoing
	// Wanted reports whether it is still to be sent.
	Wanted() bool
	// Stored is called once: the message can be sent now, or its Err says why it cannot. One that is not wanted may
	// be as it was. ctx is one that Add was called with.
	Stored(ctx context.Context)
}

type waiting struct {
	Spilled
	since time.Time
}

// NewStorer returns a Storer whose goroutines are started by spawn. They end when nothing waits.
func NewStorer(wire *Wire, store Store, timeout time.Duration, spawn func(func())) *Storer {
	s := &Storer{wire: wire, store: store, timeout: timeout, spawn: spawn, trips: putSingles}
	if _, ok := store.(batchStore); ok {
		s.trips = putBatches
	}
	return s
}

// Add queues a message. It returns an error, and will not call Stored, when the store is stuck. The store gets ctx,
// or that of an earlier call; when that ends, what waits fails with its cause.
func (s *Storer) Add(ctx context.Context, m Spilled) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck == s.trips {
		return storeError(m.Message(), ErrStoreStuck)
	}
	s.todo = append(s.todo, waiting{m, time.Now()})
	if s.busy < s.trips {
		s.busy++
		s.spawn(func() { s.work(ctx) })
	}
	return nil
}

// work stores until nothing waits.
func (s *Storer) work(ctx context.Context) {
	for {
		runtime.Gosched() // let those who come together share the round trip
		some := s.take()
		if len(some) == 0 {
			return
		}
		s.put(ctx, some)
	}
}

// take returns what is stored together next. When there is nothing, the caller ends.
func (s *Storer) take() []waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := together(s.store, len(s.todo), func(i int) int { return s.todo[i].Message().Size() })
	if n == 0 {
		s.busy--
		s.todo = nil
		return nil
	}
	some := slices.Clone(s.todo[:n])
	clear(s.todo[:n])
	s.todo = s.todo[n:]
	return some
}

// put stores some in one round trip, or each by itself if the store refuses them together, so that only those at
// fault fail.
func (s *Storer) put(ctx context.Context, some []waiting) {
	some = slices.DeleteFunc(some, func(m waiting) bool {
		if m.Wanted() {
			return false
		}
		m.Stored(ctx)
		return true
	})
	if len(some) == 0 {
		return
	}
	bodies := make([][]byte, len(some))
	for i, m := range some {
		bodies[i] = *m.Message().buf
	}
	begun := time.Now()
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var over atomic.Bool // some are not ours any more
	stop := context.AfterFunc(bounded, func() {
		time.AfterFunc(Grace, func() {
			if over.CompareAndSwap(false, true) {
				s.abandon(ctx, some, context.Cause(bounded))
			}
		})
	})
	ids, errs := putAll(bounded, s.store, bodies)
	stop()
	if !over.CompareAndSwap(false, true) {
		s.mu.Lock()
		s.stuck--
		s.mu.Unlock()
		return
	}
	any := false
	for i, m := range some {
		s.wire.refer(m.Message(), ids[i], errs[i])
		any = any || errs[i] == nil
	}
	lost := s.note(begun, any, bounded.Err())
	for _, m := range some {
		m.Stored(ctx)
	}
	for _, m := range lost {
		m.Message().Err = storeError(m.Message(), context.Cause(bounded))
		m.Stored(ctx)
	}
}

// note notes how a round trip ended. It returns those that are given up with it.
func (s *Storer) note(begun time.Time, stored bool, ended error) (lost []waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stored {
		s.last = time.Now()
		return nil
	}
	if ended == nil || s.last.After(begun) {
		return nil
	}
	n := 0
	for n < len(s.todo) && time.Since(s.todo[n].since) >= s.timeout/2 {
		n++
	}
	lost, s.todo = s.todo[:n:n], s.todo[n:]
	return lost
}

// abandon gives up a round trip from which the store has not returned: it may go on reading the bodies. It gives up
// all that waits too, if nobody is left who could store it.
func (s *Storer) abandon(ctx context.Context, some []waiting, why error) {
	for _, m := range some {
		m.Message().buf = nil
		m.Message().Err = storeError(m.Message(), why)
	}
	s.mu.Lock()
	s.stuck++
	if s.stuck == s.trips {
		for _, m := range s.todo {
			m.Message().Err = storeError(m.Message(), ErrStoreStuck)
		}
		some = append(some, s.todo...)
		s.todo = nil
	}
	s.mu.Unlock()
	for _, m := range some {
		m.Stored(ctx)
	}
}
