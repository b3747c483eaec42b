package conformance_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

func storeSizerMutants() []mutant[conformance.StoreHarness] {
	all := []mutant[conformance.StoreHarness]{
		breaksStore("GetUpToSkipsLargeBodies", "ignores the limit", func(_ *testing.T, s *store) {
			s.getUpTo = func(ctx context.Context, ids []string, _ int) ([]storage.Found, error) {
				return s.plainGetUpTo(ctx, ids, math.MaxInt)
			}
		}),
		breaksStore("GetUpToSkipsLargeBodies", "has a limit of 16 bits", func(_ *testing.T, s *store) {
			s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
				return s.plainGetUpTo(ctx, ids, int(int16(limit)))
			}
		}),
		breaksStore("GetUpToSkipsLargeBodies", "applies the limit to the sum of the sizes",
			func(_ *testing.T, s *store) {
				s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
					found, err := s.plainGetUpTo(ctx, ids, limit)
					for i := range found {
						if limit -= len(found[i].Body); limit < 0 {
							found[i].Body = nil
						}
					}
					return found, err
				}
			}),
		breaksStore("GetUpToSkipsLargeBodies", "reads bodies and drops them", func(_ *testing.T, s *store) {
			s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
				found, err := s.plainGetUpTo(ctx, ids, math.MaxInt)
				for i := range found {
					if found[i].Size > limit {
						found[i].Body = nil
					}
				}
				return found, err
			}
		}),
		breaksStore("GetUpToSkipsLargeBodies", "reads a body to get its size", func(_ *testing.T, s *store) {
			s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
				found, err := s.plainGetUpTo(ctx, ids, limit)
				for i, f := range found {
					if f.Size > limit && f.Size > 4<<20 {
						body, _ := s.Store.Get(ctx, ids[i])
						found[i].Size = len(body)
					}
				}
				return found, err
			}
		}),
		changesFound("GetUpToSkipsLargeBodies", "returns the limit in place of the size",
			func(found *storage.Found, limit int) {
				found.Size = min(found.Size, limit)
			}),
		changesFound("GetUpToSkipsLargeBodies", "returns the beginning of a large body",
			func(found *storage.Found, limit int) {
				if found.Size > limit {
					found.Body = make([]byte, limit)
				}
			}),
		changesFound("GetUpToSkipsLargeBodies", "returns empty large bodies", func(found *storage.Found, limit int) {
			if found.Size > limit {
				found.Body = []byte{}
			}
		}),
		changesFound("GetUpToSkipsLargeBodies", "treats large bodies as unknown",
			func(found *storage.Found, limit int) {
				if found.Size > limit {
					found.Size = storage.NotFound
				}
			}),
		changesFound("GetUpToSkipsLargeBodies", "rounds sizes up to kilobytes", func(found *storage.Found, limit int) {
			if found.Size > limit && found.Size > 1024 {
				found.Size = (found.Size + 1023) / 1024 * 1024
			}
		}),
	}
	for _, from := range []int{0, 100, 4096, 1 << 16, 1 << 20, 2 << 20} {
		for bug, by := range map[string]int{"one byte too low": -1, "one byte too high": 1} {
			all = append(all, breaksStore("GetUpToSkipsLargeBodies",
				fmt.Sprintf("has a limit that is %s, from %d on", bug, from), func(_ *testing.T, s *store) {
					s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
						if limit >= from && limit < math.MaxInt {
							limit += by
						}
						return s.plainGetUpTo(ctx, ids, limit)
					}
				}))
		}
	}
	for bug, flaw := range answerFlaws[storage.Found]() {
		all = append(all, breaksStore("GetUpToMatchesGet", bug, func(_ *testing.T, s *store) {
			s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
				found, err := s.plainGetUpTo(ctx, ids, limit)
				return flaw(answers[storage.Found]{ids, found,
					func(f storage.Found) bool { return f.Size != storage.NotFound }}), err
			}
		}))
	}
	return all
}

// changesFound returns a mutant that changes what it has found.
func changesFound(check, bug string, change func(found *storage.Found, limit int)) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) {
		s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
			all, err := s.plainGetUpTo(ctx, ids, limit)
			for i := range all {
				change(&all[i], limit)
			}
			return all, err
		}
	})
}
