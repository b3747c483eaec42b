package conformance_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

func TestStoreSuite(t *testing.T) {
	suite[conformance.StoreHarness]{
		checks: conformance.StoreChecks(),
		why:    conformance.StoreWhy,
		run:    conformance.CheckStore,
		good: func(*testing.T) conformance.StoreHarness {
			h := storeHarness(func(*store) {})
			h.Patience = 0
			return h
		},
		mutants: slices.Concat(prepareMutants, bodyMutants, idMutants, expireMutants, batchMutants, sizerMutants, storeUseMutants),
	}.test(t)
}

func TestMissingStoreAbilitiesSkipByName(t *testing.T) {
	plain := struct{ storage.Store }{memory.NewStore()}
	h := conformance.StoreHarness{NewStore: func(testing.TB) storage.Store { return plain }}
	for check, text := range map[string]string{
		"PrepareIsIdempotent": "no storage.Preparer", "ConcurrentPrepare": "no storage.Preparer",
		"PutAllIsPut": "no storage.Batch", "GetAllIsGet": "no storage.Batch",
		"GetUpToIsGet": "no storage.Sizer", "GetUpToLeavesLargeBodies": "no storage.Sizer",
	} {
		r := record(t, func(tb testing.TB) { conformance.CheckStore(tb, check, h) })
		require.True(t, r.skipped, check)
		require.Contains(t, r.text, text)
	}
}

// store is a good store with all abilities, whose parts can be replaced.
type store struct {
	*memory.Store
	put     func(ctx context.Context, body []byte) (string, error)
	get     func(ctx context.Context, id string) ([]byte, error)
	expire  func(ctx context.Context, age time.Duration) error
	prepare func(ctx context.Context) error
	putAll  func(ctx context.Context, bodies [][]byte) ([]string, error)
	getAll  func(ctx context.Context, ids []string) ([][]byte, error)
	getUpTo func(ctx context.Context, ids []string, limit int) ([]storage.Found, error)
}

// storeHarness returns the harness of stores that change has changed, each by itself.
func storeHarness(change func(s *store)) conformance.StoreHarness {
	shared := memory.NewStore()
	return conformance.StoreHarness{
		NewStore: func(testing.TB) storage.Store {
			s := &store{Store: shared}
			change(s)
			return s
		},
		Patience: impatience,
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
	return s.Store.Put(ctx, body)
}

func (s *store) Get(ctx context.Context, id string) ([]byte, error) {
	if s.get != nil {
		return s.get(ctx, id)
	}
	return s.Store.Get(ctx, id)
}

func (s *store) Expire(ctx context.Context, age time.Duration) error {
	if s.expire != nil {
		return s.expire(ctx, age)
	}
	return s.Store.Expire(ctx, age)
}

func (s *store) Prepare(ctx context.Context) error {
	if s.prepare != nil {
		return s.prepare(ctx)
	}
	return nil
}

func (s *store) PutAll(ctx context.Context, bodies [][]byte) (ids []string, err error) {
	if s.putAll != nil {
		return s.putAll(ctx, bodies)
	}
	for _, body := range bodies {
		id, err := s.Store.Put(ctx, body)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (s *store) GetAll(ctx context.Context, ids []string) (bodies [][]byte, err error) {
	if s.getAll != nil {
		return s.getAll(ctx, ids)
	}
	for _, id := range ids {
		body, err := s.Store.Get(ctx, id)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return nil, err
		}
		if err == nil && body == nil {
			body = []byte{}
		}
		bodies = append(bodies, body)
	}
	return bodies, nil
}

func (s *store) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	if s.getUpTo != nil {
		return s.getUpTo(ctx, ids, limit)
	}
	return s.Store.GetUpTo(ctx, ids, limit)
}
