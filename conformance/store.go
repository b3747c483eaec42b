package conformance

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// StoreHarness tells the suite how to create stores and how to inject faults.
type StoreHarness struct {
	// NewStore returns a store that shares its bodies with the other stores of this test: what one store keeps,
	// all find. NewStore registers the release of the store with tb.Cleanup. If the store is a
	// storage.Preparer, the suite prepares it. The suite expires all bodies, so no other test may use the same
	// medium at the same time. The medium needs room for 256 MiB. Required.
	NewStore func(tb testing.TB) storage.Store

	// NewShortLived is for stores whose bodies have a time to live. It returns a store like NewStore, whose
	// bodies have the given time to live, a whole number of seconds. The bodies of NewStore should live for a
	// minute or more. If NewShortLived is set, Expire may do nothing, and the suite cannot remove bodies in
	// between: the medium needs room for 1 GiB. If it is nil, Expire must remove them.
	NewShortLived func(tb testing.TB, timeToLive time.Duration) storage.Store

	// Stall makes the medium hold back all traffic, without closing a connection, until the test calls resume. A
	// call in progress can then only end with its context. If Stall is nil, the suite interrupts only calls
	// that take long by themselves.
	Stall func(tb testing.TB, s storage.Store) (resume func())

	// Patience is how long a check waits for something that must happen. The default is 10 seconds plus 40
	// times the measured latency of a Put and a Get. Calls that put or get a lot may take more than twice as
	// long.
	Patience time.Duration
}

// Store runs the checks of the promises of storage.Store, and of the optional interfaces that the store
// implements.
func Store(t *testing.T, h StoreHarness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h StoreHarness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.NewStore == nil {
		t.Fatal("conformance: StoreHarness.NewStore is required, but nil")
	}
	runChecks(t, h.newSuite(soak), storeChecks(), func(c *checker) *storeChecker { return &storeChecker{c, h} })
}

func (h StoreHarness) newSuite(soak bool) *suite {
	s := newSuite("Store", soak, h.Patience, nil)
	s.measure = func(ctx context.Context, tb testing.TB) time.Duration { return h.measure(ctx, tb, &s.measureProblem) }
	return s
}

// measure returns the time of a Put and a Get of a small body, and stores in first what is wrong with them.
func (h StoreHarness) measure(ctx context.Context, tb testing.TB, first *atomic.Pointer[problem]) time.Duration {
	s := h.NewStore(tb)
	if p, ok := s.(storage.Preparer); ok && p.Prepare(ctx) != nil {
		return 0
	}
	const want = "the first"
	body := []byte(want)
	start := time.Now()
	id, err := s.Put(ctx, body)
	if err != nil {
		return 0
	}
	takes := time.Since(start)
	invertBytes(body)
	start = time.Now()
	body, err = s.Get(ctx, id)
	takes += time.Since(start)
	first.Store(invalidID("the first Put", id))
	for i := 0; i < 2 && err == nil && first.Load() == nil; i++ {
		first.Store(bodyMismatch("the first Put, overwrite the body, Get, overwrite it again, Get", id, body, want))
		invertBytes(body)
		body, err = s.Get(ctx, id)
	}
	if err != nil {
		first.CompareAndSwap(nil, unexpectedError("the first Put, Get, Get again", err))
	}
	return takes
}

// storeChecks returns the checks in the order in which the author of a store should make them pass.
func storeChecks() []check[*storeChecker] {
	return slices.Concat(prepareChecks, bodyChecks, sizeChecks, idChecks, expireChecks, batchChecks, sizerChecks,
		retainerChecks, storeUseChecks, storeContextChecks)
}

// storeChecker runs one check of a store.
type storeChecker struct {
	*checker
	harness StoreHarness
}

// newStore returns a store that is prepared.
func (c *storeChecker) newStore() storage.Store {
	c.Helper()
	return c.prepare(c.newUnprepared())
}

func (c *storeChecker) prepare(s storage.Store) storage.Store {
	c.Helper()
	if p, ok := s.(storage.Preparer); ok {
		c.must("Prepare", p.Prepare)
	}
	return s
}

func (c *storeChecker) newUnprepared() storage.Store {
	c.Helper()
	s := c.harness.NewStore(c.TB)
	if s == nil {
		c.Fatal("conformance: StoreHarness.NewStore returned nil")
	}
	return s
}

// requireBatch returns a store that can put and get many bodies in one call. It skips the check if the store
// cannot.
func (c *storeChecker) requireBatch() storage.Batch {
	c.Helper()
	s, ok := c.newStore().(storage.Batch)
	if !ok {
		c.Skip("the store does not implement storage.Batch")
	}
	return s
}

// requireSizer returns a store that can skip large bodies. It skips the check if the store cannot.
func (c *storeChecker) requireSizer() storage.Sizer {
	c.Helper()
	s, ok := c.newStore().(storage.Sizer)
	if !ok {
		c.Skip("the store does not implement storage.Sizer")
	}
	return s
}
