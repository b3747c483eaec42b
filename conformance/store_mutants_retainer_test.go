package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

type putForFunc func(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error)

func (s *store) PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
	if s.putFor != nil {
		return s.putFor(ctx, bodies, keep)
	}
	return s.plainPutFor(ctx, bodies, keep)
}

func (s *store) plainPutFor(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
	if err := s.stalled.wait(ctx); err != nil {
		return nil, err
	}
	r, ok := s.Store.(storage.Retainer)
	if !ok {
		return nil, errors.New("the hookStore is no storage.Retainer")
	}
	return r.PutFor(ctx, bodies, keep)
}

// breaksPutFor returns a mutant whose PutFor is another.
func breaksPutFor(check, bug string, putFor func(s *store) putForFunc) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) { s.putFor = putFor(s) })
}

// changesKeep returns a mutant whose PutFor keeps bodies for another time.
func changesKeep(check, bug string, change func(time.Duration) time.Duration) mutant[conformance.StoreHarness] {
	return breaksPutFor(check, bug, func(s *store) putForFunc {
		return func(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
			return s.plainPutFor(ctx, bodies, change(keep))
		}
	})
}

var storeRetainerMutants = []mutant[conformance.StoreHarness]{
	changesKeep("RetainedBodiesAreKept", "keeps no longer than Put",
		func(time.Duration) time.Duration { return 0 }),
	changesKeep("RetainedBodiesAreKept", "counts milliseconds as microseconds",
		func(keep time.Duration) time.Duration { return keep / 1_000_000 }),
	changesKeep("RetainedBodiesAreKept", "overflows with 40 days", func(keep time.Duration) time.Duration {
		return time.Duration(int32(keep.Milliseconds())) * time.Millisecond
	}),
	breaksPutFor("RetainedBodiesAreKept", "keeps the first body only", func(s *store) putForFunc {
		return func(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
			if len(bodies) == 0 {
				return nil, ctx.Err()
			}
			ids, err := s.plainPutFor(ctx, bodies[:1], keep)
			if err != nil {
				return nil, err
			}
			rest, err := s.plainPutFor(ctx, bodies[1:], 0)
			return append(ids, rest...), err
		}
	}),
	breaksPutFor("RetainedBodiesAreKept", "returns the ids in reverse", func(s *store) putForFunc {
		return func(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
			ids, err := s.plainPutFor(ctx, bodies, keep)
			slices.Reverse(ids)
			return ids, err
		}
	}),
	breaksPutFor("RetainedBodiesAreKept", "merges equal bodies", func(s *store) putForFunc {
		return func(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
			ids, err := s.plainPutFor(ctx, bodies, keep)
			for i := range ids {
				first := slices.IndexFunc(bodies, func(b []byte) bool { return bytes.Equal(b, bodies[i]) })
				ids[i] = ids[first]
			}
			return ids, err
		}
	}),
	breaksPutFor("RetainedBodiesAreKept", "ignores its context", func(s *store) putForFunc {
		return func(_ context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
			return s.plainPutFor(context.Background(), bodies, keep)
		}
	}),
	changesKeep("RetainedBodiesExpire", "keeps bodies forever", func(keep time.Duration) time.Duration {
		return max(keep, 24*time.Hour)
	}),
	changesKeep("RetainedBodiesExpire", "keeps bodies for at least a minute", func(keep time.Duration) time.Duration {
		return max(keep, time.Minute)
	}),
	changesKeep("RetainedBodiesExpire", "keeps bodies for half of the time",
		func(keep time.Duration) time.Duration { return keep / 2 }),
	breaksPutFor("RetainedBodiesExpire", "uses the last time for all bodies", func(s *store) putForFunc {
		last := make(map[string]time.Time) // until when each body is kept
		var ids []string
		s.expire = func(ctx context.Context, age time.Duration) error {
			if len(ids) > 0 && time.Now().After(last[ids[len(ids)-1]]) {
				age = -100 * 24 * time.Hour // everything
			}
			return s.Store.Expire(ctx, age)
		}
		return func(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
			put, err := s.plainPutFor(ctx, bodies, keep)
			for _, id := range put {
				last[id] = time.Now().Add(keep)
			}
			ids = append(ids, put...)
			return put, err
		}
	}),
}
