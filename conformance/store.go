package conformance

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// StoreHarness tells the suite how to use a store.
type StoreHarness struct {
	// NewStore returns a store that shares its bodies with the other stores made in this test: what one keeps,
	// all find. It releases what the store holds in tb.Cleanup. If it is a storage.Preparer, the suite prepares
	// it. The suite expires all bodies, so the place must not be shared with other tests that run at the same
	// time. It has to have room for 256 MiB. Required.
	NewStore func(tb testing.TB) storage.Store

	// NewShortLived is for a store whose bodies have a time to live: it returns a store as NewStore does, whose bodies have the given one, a whole
	// number of seconds. Those of NewStore should live for a minute or more. If it is set, Expire may do nothing, and bodies cannot be
	// removed in between: the place has to have room for 1 GiB. If it is nil, Expire has to remove them.
	NewShortLived func(tb testing.TB, timeToLive time.Duration) storage.Store

	// Stall makes the place swallow everything, without closing a connection, until resume is called. What is under way then can only
	// end with its context. If it is nil, calls are only interrupted as long as they take by themselves.
	Stall func(tb testing.TB, s storage.Store) (resume func())

	// Patience is how long a check waits for what must happen. The default is 10 seconds, and 40 times what a Put and a Get were measured to take.
	// Calls that put or get much have more than twice as long.
	Patience time.Duration
}

// Store proves that a store keeps the promises of storage.Store, and of the optional interfaces it implements.
func Store(t *testing.T, h StoreHarness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h StoreHarness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.NewStore == nil {
		t.Fatal("conformance: StoreHarness.NewStore is nil, but required")
	}
	runChecks(t, h.newSuite(soak), storeChecks(), func(c *checker) *storeChecker { return &storeChecker{c, h} })
}

func (h StoreHarness) newSuite(soak bool) *suite {
	s := newSuite("Store", soak, h.Patience, nil)
	s.measure = func(ctx context.Context, tb testing.TB) time.Duration { return h.measure(ctx, tb, &s.measureProblem) }
	return s
}

// measure returns how long it takes to put a small body and to get it again, and keeps in first what is wrong with that.
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

// storeChecks returns the checks in the order in which an author of a store wants them to pass.
func storeChecks() []check[*storeChecker] {
	return slices.Concat(prepareChecks, bodyChecks, sizeChecks, idChecks, expireChecks, batchChecks, sizerChecks, storeUseChecks, storeContextChecks)
}

// storeChecker is one run of one check of a store.
type storeChecker struct {
	*checker
	harness StoreHarness
}

// newStore returns a store that is ready to be used.
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

// requireBatch returns a store that can put and get many bodies at once.
func (c *storeChecker) requireBatch() storage.Batch {
	c.Helper()
	s, ok := c.newStore().(storage.Batch)
	if !ok {
		c.Skip("the store is no storage.Batch")
	}
	return s
}

// requireSizer returns a store that can leave large bodies unread.
func (c *storeChecker) requireSizer() storage.Sizer {
	c.Helper()
	s, ok := c.newStore().(storage.Sizer)
	if !ok {
		c.Skip("the store is no storage.Sizer")
	}
	return s
}
