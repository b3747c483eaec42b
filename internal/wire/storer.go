package wire

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Storer puts the bodies of large messages into a store, so that references to them can be sent. It makes a few
// round trips at a time, each with a timeout. If the store supports batches, a round trip carries many bodies.
// It is safe for concurrent use.
//
// If the store does not answer, a message waits at most one and a half timeouts, however many messages there
// are: when a round trip times out and nothing was stored meanwhile, all messages that have waited for half a timeout
// are given up too. A store that does not return at the timeout is stuck: its round trip is given up Grace later, and
// when all round trips are stuck, Add refuses every message.
type Storer struct {
	wire    *Wire
	store   Store
	timeout time.Duration
	spawn   func(func()) // starts a goroutine
	trips   int          // maximum number of concurrent round trips

	mu    sync.Mutex // guards all below
	todo  []waiting
	busy  int       // number of goroutines that store
	stuck int       // number of them that wait for a stuck store
	last  time.Time // when a body was last stored
}

// Attachment is a message whose body has to be stored.
type Attachment interface {
	// Message returns the message. It belongs to the Storer until Stored is called.
	Message() *Outgoing
	// Wanted reports whether the message is still to be sent.
	Wanted() bool
	// Stored is called once. Either the message can be sent now, or its Err is set. A message that is no longer
	// wanted may be unchanged. ctx is a context that Add was called with.
	Stored(ctx context.Context)
}

type waiting struct {
	Attachment
	since time.Time
}

// NewStorer returns a Storer that starts its goroutines with spawn. They end when nothing waits.
func NewStorer(wire *Wire, store Store, timeout time.Duration, spawn func(func())) *Storer {
	s := &Storer{wire: wire, store: store, timeout: timeout, spawn: spawn, trips: putSingles}
	if _, ok := store.(batchStore); ok {
		s.trips = putBatches
	}
	return s
}

// Add queues a message. If the store is stuck, it returns an error and does not call Stored. The store is
// called with ctx or with that of an earlier call; when that context ends, the waiting messages fail with its
// cause.
func (s *Storer) Add(ctx context.Context, m Attachment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck == s.trips {
		return storeError(m.Message(), ErrStoreStuck)
	}
	s.todo = append(s.todo, waiting{m, time.Now()})
	if s.busy < s.trips {
		s.busy++
		s.spawn(func() { s.storeLoop(ctx) })
	}
	return nil
}

// storeLoop stores until nothing waits.
func (s *Storer) storeLoop(ctx context.Context) {
	for {
		runtime.Gosched() // messages that arrive together share the round trip
		some := s.take()
		if len(some) == 0 {
			return
		}
		s.putTogetherOrApart(ctx, some)
	}
}

// take returns the messages that are stored together next. If there are none, the goroutine ends.
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

// putTogetherOrApart stores some in one round trip. If the store refuses them together, it stores them one by one,
// so that only the invalid ones fail.
func (s *Storer) putTogetherOrApart(ctx context.Context, some []waiting) {
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
	keep := s.wire.keepFor(len(some), func(i int) *Outgoing { return some[i].Message() })
	begun := time.Now()
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var over atomic.Bool // some was given up, or putTogetherOrApart has finished
	stop := context.AfterFunc(bounded, func() {
		time.AfterFunc(Grace, func() {
			if over.CompareAndSwap(false, true) {
				s.abandon(ctx, some, context.Cause(bounded))
			}
		})
	})
	ids, errs := putAll(bounded, s.store, bodies, keep)
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
	lost := s.noteTrip(begun, any, bounded.Err())
	for _, m := range some {
		m.Stored(ctx)
	}
	for _, m := range lost {
		m.Message().Err = storeError(m.Message(), context.Cause(bounded))
		m.Stored(ctx)
	}
}

// noteTrip records the result of a round trip. It returns the waiting messages that are given up with it.
func (s *Storer) noteTrip(begun time.Time, stored bool, ended error) (lost []waiting) {
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

// abandon gives up a round trip from which the store has not returned; the store may go on reading the bodies.
// If all round trips are stuck, abandon gives up all waiting messages too.
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
