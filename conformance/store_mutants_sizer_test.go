package conformance_test

import (
	"context"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

var sizerMutants = []mutant[conformance.StoreHarness]{
	breaksStore("GetUpToIsGet", "returns what it finds, one after the other", func(_ *testing.T, s *store) {
		s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
			all, err := s.Store.GetUpTo(ctx, ids, limit)
			kept := make([]storage.Found, 0, len(all))
			for _, found := range all {
				if found.Size != storage.NotFound {
					kept = append(kept, found)
				}
			}
			return kept, err
		}
	}),
	finding("GetUpToIsGet", "takes what is not there for an empty body", func(found *storage.Found, _ int) {
		if found.Size == storage.NotFound {
			*found = storage.Found{Body: []byte{}}
		}
	}),
	finding("GetUpToIsGet", "has no body for an empty one", func(found *storage.Found, _ int) {
		if found.Size == 0 {
			found.Body = nil
		}
	}),
	finding("GetUpToIsGet", "reads the first megabyte", func(found *storage.Found, _ int) {
		found.Body = found.Body[:min(len(found.Body), 1<<20):len(found.Body)]
		if found.Size == storage.NotFound {
			found.Body = nil
		}
	}),
	breaksStore("GetUpToLeavesLargeBodies", "ignores the limit", func(_ *testing.T, s *store) {
		s.getUpTo = func(ctx context.Context, ids []string, _ int) ([]storage.Found, error) {
			return s.Store.GetUpTo(ctx, ids, 1<<30)
		}
	}),
	breaksStore("GetUpToLeavesLargeBodies", "takes the limit for exclusive", func(_ *testing.T, s *store) {
		s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
			return s.Store.GetUpTo(ctx, ids, limit-1)
		}
	}),
	finding("GetUpToLeavesLargeBodies", "tells the limit in place of the size", func(found *storage.Found, limit int) {
		found.Size = min(found.Size, limit)
	}),
	breaksStore("FoundBodiesBelongToCaller", "cuts the bodies from one piece", func(_ *testing.T, s *store) {
		s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
			all, err := s.Store.GetUpTo(ctx, ids, limit)
			piece := make([]byte, 0, 4096)
			for i := range all {
				start := len(piece)
				piece = append(piece, all[i].Body...)
				all[i].Body = piece[start:]
			}
			return all, err
		}
	}),
}

// finding returns a mutant that changes what it has found.
func finding(check, bug string, change func(found *storage.Found, limit int)) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) {
		s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
			all, err := s.Store.GetUpTo(ctx, ids, limit)
			for i := range all {
				change(&all[i], limit)
			}
			return all, err
		}
	})
}
