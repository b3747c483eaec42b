package conformance_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

func TestStoreSuite(t *testing.T) {
	suiteTest[conformance.StoreHarness]{
		checks: slices.DeleteFunc(conformance.StoreChecks(),
			func(check string) bool { return check == "BodiesLiveForTheirTTL" }),
		why:  conformance.StoreWhy,
		run:  conformance.CheckStore,
		good: func(*testing.T) conformance.StoreHarness { return storeHarness(func(*store) {}) },
		mutants: slices.Concat(storePrepareMutants, storeBodyMutants, storeOwnerMutants, storeEvictMutants(),
			storeSizeMutants(), storeIdMutants(), storeExpireMutants(), storeBatchMutants(), storeSizerMutants(),
			storeRetainerMutants, storeUseMutants(), storeContextMutants()),
		virtualClock: true,
	}.test(t)
}

func TestMissingStoreAbilitiesSkipByName(t *testing.T) {
	plain := struct{ storage.Store }{memory.NewStore()}
	h := conformance.StoreHarness{NewStore: func(testing.TB) storage.Store { return plain }}
	for check, text := range map[string]string{
		"PrepareIsIdempotent": "not implement storage.Preparer", "ConcurrentPrepare": "not implement storage.Preparer",
		"PutAllMatchesPut": "not implement storage.Batch", "GetAllMatchesGet": "not implement storage.Batch",
		"GetUpToMatchesGet": "not implement storage.Sizer", "GetUpToSkipsLargeBodies": "not implement storage.Sizer",
		"BodiesLiveForTheirTTL": "NewShortLived is nil", "RetainedBodiesAreKept": "not implement storage.Retainer",
	} {
		r := record(t, func(tb testing.TB) { conformance.CheckStore(tb, check, h) })
		require.True(t, r.skipped, check)
		require.Contains(t, r.text, text)
	}
}

// store is a correct store with all optional interfaces, whose parts can be replaced.
type store struct {
	storage.Store // memory.Store or hookStore
	stalled       *stallGate
	put           func(ctx context.Context, body []byte) (string, error)
	get           func(ctx context.Context, id string) ([]byte, error)
	expire        func(ctx context.Context, age time.Duration) error
	prepare       func(ctx context.Context) error
	putAll        func(ctx context.Context, bodies [][]byte) ([]string, error)
	getAll        func(ctx context.Context, ids []string) ([][]byte, error)
	getUpTo       func(ctx context.Context, ids []string, limit int) ([]storage.Found, error)
	putFor        putForFunc
}

// stallGate makes calls wait.
type stallGate struct {
	mu    sync.Mutex
	until chan struct{} // nil if calls need not wait
}

func (s *stallGate) begin() (resume func()) {
	until := make(chan struct{})
	s.set(until)
	return func() {
		s.set(nil)
		close(until)
	}
}

func (s *stallGate) set(until chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = until
}

// wait waits until calls need not wait any more, or until ctx ends.
func (s *stallGate) wait(ctx context.Context) error {
	s.mu.Lock()
	until := s.until
	s.mu.Unlock()
	if until == nil {
		return nil
	}
	select {
	case <-until:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// storeHarness returns the harness of stores that change has changed, each by itself.
func storeHarness(change func(s *store)) conformance.StoreHarness {
	return storeHarnessOn(memory.NewStore(), change)
}

func storeHarnessOn(shared storage.Store, change func(s *store)) conformance.StoreHarness {
	stalled := new(stallGate)
	return conformance.StoreHarness{
		NewStore: func(testing.TB) storage.Store {
			s := &store{Store: shared, stalled: stalled}
			change(s)
			return s
		},
		Stall: func(testing.TB, storage.Store) (resume func()) { return stalled.begin() },
	}
}

// breaksStore returns a mutant of a store.
func breaksStore(check, bug string, change func(t *testing.T, s *store)) mutant[conformance.StoreHarness] {
	return mutant[conformance.StoreHarness]{check, bug, func(t *testing.T) conformance.StoreHarness {
		return storeHarness(func(s *store) { change(t, s) })
	}}
}

func (s *store) Put(ctx context.Context, body []byte) (string, error) {
	if s.put != nil {
		return s.put(ctx, body)
	}
	if err := s.stalled.wait(ctx); err != nil {
		return "", err
	}
	return s.Store.Put(ctx, body)
}

func (s *store) Get(ctx context.Context, id string) ([]byte, error) {
	if s.get != nil {
		return s.get(ctx, id)
	}
	if err := s.stalled.wait(ctx); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, id)
}

func (s *store) Expire(ctx context.Context, age time.Duration) error {
	if s.expire != nil {
		return s.expire(ctx, age)
	}
	if err := s.stalled.wait(ctx); err != nil {
		return err
	}
	return s.Store.Expire(ctx, age)
}

func (s *store) Prepare(ctx context.Context) error {
	if s.prepare != nil {
		return s.prepare(ctx)
	}
	if err := s.stalled.wait(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

func (s *store) PutAll(ctx context.Context, bodies [][]byte) (ids []string, err error) {
	if s.putAll != nil {
		return s.putAll(ctx, bodies)
	}
	return s.plainPutAll(ctx, bodies)
}

func (s *store) plainPutAll(ctx context.Context, bodies [][]byte) (ids []string, err error) {
	if err := s.stalled.wait(ctx); err != nil {
		return nil, err
	}
	for _, body := range bodies {
		id, err := s.Store.Put(ctx, body)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, ctx.Err()
}

func (s *store) GetAll(ctx context.Context, ids []string) (bodies [][]byte, err error) {
	if s.getAll != nil {
		return s.getAll(ctx, ids)
	}
	return s.plainGetAll(ctx, ids)
}

func (s *store) plainGetAll(ctx context.Context, ids []string) (bodies [][]byte, err error) {
	if err := s.stalled.wait(ctx); err != nil {
		return nil, err
	}
	for _, id := range ids {
		body, err := s.Store.Get(ctx, id)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	return bodies, ctx.Err()
}

func (s *store) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	if s.getUpTo != nil {
		return s.getUpTo(ctx, ids, limit)
	}
	return s.plainGetUpTo(ctx, ids, limit)
}

func (s *store) plainGetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	if err := s.stalled.wait(ctx); err != nil {
		return nil, err
	}
	return s.Store.(storage.Sizer).GetUpTo(ctx, ids, limit)
}
