package conformance

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// StoreHarness tells the suite how to use a store.
type StoreHarness struct {
	// NewStore returns a store that shares its bodies with the other stores made in this test: what one keeps,
	// all find. It releases what the store holds in tb.Cleanup. If it is a storage.Preparer, the suite prepares
	// it. The suite expires all bodies, so the place must not be shared with other tests that run at the same
	// time. Required.
	NewStore func(tb testing.TB) storage.Store

	// Patience is how long a check waits for what must happen. The default is 10 seconds, and 40 times what a Put and a Get were measured to take.
	Patience time.Duration
}

// Store proves that a store keeps the promises of storage.Store, and of the optional interfaces it implements.
func Store(t *testing.T, h StoreHarness) {
	t.Helper()
	h.run(t, false)
}

func (h StoreHarness) run(t *testing.T, soak bool) {
	t.Helper()
	if h.NewStore == nil {
		t.Fatal("conformance: StoreHarness.NewStore is nil, but required")
	}
	run(t, h.trial(soak), storeChecks(), func(p *probe) *storeCase { return &storeCase{p, h} })
}

func (h StoreHarness) trial(soak bool) *trial { return newTrial("Store", soak, h.Patience, h.measure) }

// measure returns how long it takes to put a small body and to get it again.
func (h StoreHarness) measure(ctx context.Context, tb testing.TB) time.Duration {
	s := h.NewStore(tb)
	if p, ok := s.(storage.Preparer); ok && p.Prepare(ctx) != nil {
		return 0
	}
	start := time.Now()
	id, err := s.Put(ctx, []byte("measured"))
	if err != nil {
		return 0
	}
	if _, err := s.Get(ctx, id); err != nil {
		return 0
	}
	return time.Since(start)
}

func storeChecks() []check[*storeCase] {
	return slices.Concat(prepareChecks, bodyChecks, idChecks, expireChecks, batchChecks, sizerChecks, storeUseChecks)
}

// storeCase is one run of one check of a store.
type storeCase struct {
	*probe
	harness StoreHarness
}

// store returns a store that is ready to be used.
func (c *storeCase) store() storage.Store {
	c.Helper()
	s := c.unprepared()
	if p, ok := s.(storage.Preparer); ok {
		c.must("Prepare", p.Prepare)
	}
	return s
}

func (c *storeCase) unprepared() storage.Store {
	c.Helper()
	s := c.harness.NewStore(c.TB)
	if s == nil {
		c.Fatal("conformance: StoreHarness.NewStore returned nil")
	}
	return s
}

func (c *storeCase) put(s storage.Store, body string) (id string) {
	c.Helper()
	c.must("Put "+quote(body), func(ctx context.Context) (err error) {
		id, err = s.Put(ctx, []byte(body))
		return err
	})
	return id
}

func (c *storeCase) get(s storage.Store, id string) (body []byte, err error) {
	c.Helper()
	err = c.call("Get "+quote(id), func(ctx context.Context) (err error) {
		body, err = s.Get(ctx, id)
		return err
	})
	return body, err
}

// expect fails unless the body of id is want.
func (c *storeCase) expect(s storage.Store, called, id, want string) {
	c.Helper()
	called += fmt.Sprintf(", Get %s", quote(id))
	switch body, err := c.get(s, id); {
	case err != nil:
		c.fail(called, quote(want), "the error %q", err)
	case string(body) != want:
		c.fail(called, quote(want), "%s", quote(string(body)))
	}
}

func (c *storeCase) expire(s storage.Store, age time.Duration) {
	c.Helper()
	c.must(fmt.Sprintf("Expire %v", age), func(ctx context.Context) error { return s.Expire(ctx, age) })
}
