package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

func storeExpireMutants() []mutant[conformance.StoreHarness] {
	all := []mutant[conformance.StoreHarness]{
		expiring("ExpireKeepsTheYoung", "removes all", func(time.Duration) time.Duration { return -1 }),
		expiring("ExpireKeepsTheYoung", "has milliseconds of 32 bits", func(age time.Duration) time.Duration {
			return time.Duration(int32(age.Milliseconds())) * time.Millisecond
		}),
		expiring("ExpireKeepsTheYoung", "loses the upper half of the age", func(age time.Duration) time.Duration { return time.Duration(int32(age)) }),
		expiring("ExpireKeepsTheYoung", "adds to the longest age", func(age time.Duration) time.Duration { return age + time.Second }),
		expiring("ExpireKeepsTheYoung", "takes more than a day for nothing", func(age time.Duration) time.Duration {
			if age > 24*time.Hour {
				return 0
			}
			return age
		}),
		shelved("ExpireKeepsTheYoung", "keeps the 1,000 youngest", func(sh *shelf) {
			sh.expires = func(sh *shelf, _ time.Time, _ time.Duration) bool {
				for id, k := range sh.bodies {
					if k.n <= sh.puts-1000 {
						delete(sh.bodies, id)
					}
				}
				return true
			}
		}),
		breaksStore("ExpireRemovesTheOld", "removes nothing", func(_ *testing.T, s *store) {
			s.expire = func(context.Context, time.Duration) error { return nil }
		}),
		cached("Get", 0), cached("Get", 1<<20), cached("GetAll", 0), cached("GetUpTo", 1<<16),
		shelved("ExpireRemovesTheOld", "keeps empty bodies", func(sh *shelf) {
			sh.expires = func(sh *shelf, now time.Time, age time.Duration) bool {
				for id, k := range sh.bodies {
					if now.Sub(k.put) > age && len(k.body) > 0 {
						delete(sh.bodies, id)
					}
				}
				return true
			}
		}),
		perStoreExpire(),
		expiring("ExpireGoesByAge", "takes the age for microseconds", func(age time.Duration) time.Duration { return age / 1000 }),
		expiring("ExpireGoesByAge", "takes the age for milliseconds", func(age time.Duration) time.Duration { return age * 1000 }),
		expiring("ExpireGoesByAge", "rounds the age up to seconds", func(age time.Duration) time.Duration {
			return (age + time.Second - 1).Truncate(time.Second)
		}),
		expiring("ExpireGoesByAge", "rounds the age down to seconds", func(age time.Duration) time.Duration { return age.Truncate(time.Second) }),
		expiring("ExpireGoesByAge", "rounds the age to seconds", func(age time.Duration) time.Duration { return age.Round(time.Second) }),
		expiring("ExpireGoesByAge", "expires at half of the age", func(age time.Duration) time.Duration { return age / 2 }),
		expiring("ExpireGoesByAge", "expires at twice the age", func(age time.Duration) time.Duration { return age * 2 }),
		expiring("ExpireGoesByAge", "waits for another minute", func(age time.Duration) time.Duration { return age + time.Minute }),
		truncating(time.Second), truncating(time.Minute), truncating(2 * time.Second),
		prolonging("Get", -1), prolonging("GetAll", -1), prolonging("GetUpTo", -1), prolonging("Get", 1), // the last one only prolongs once
		shelved("ExpireGoesByAge", "counts from the last Get of a large body", func(sh *shelf) {
			sh.read = func(_ *shelf, k *kept, now time.Time) {
				if len(k.body) > 1<<16 {
					k.aux = now
				}
			}
		}),
		shelved("ExpireGoesByAge", "counts from each 100th Get", func(sh *shelf) {
			gets := 0
			sh.read = func(_ *shelf, k *kept, now time.Time) {
				if gets++; gets%100 == 0 {
					k.aux = now
				}
			}
		}),
		expiring("ExpireGoesByAge", "takes less than a second for a second", func(age time.Duration) time.Duration {
			if age > 0 { // what the tests themselves expire
				age = max(age, time.Second)
			}
			return age
		}),
		shelved("ExpireGoesByAge", "counts from the first Get", func(sh *shelf) {
			sh.put = func(_ *shelf, k *kept, now time.Time) { k.aux = now.Add(time.Hour) }
			sh.read = func(_ *shelf, k *kept, _ time.Time) { k.aux = k.put }
		}),
		shelved("ExpireGoesByAge", "keeps one body of each millisecond", func(sh *shelf) {
			sh.put = func(sh *shelf, k *kept, now time.Time) { k.aux = now.Truncate(time.Millisecond) }
			sh.expires = func(sh *shelf, now time.Time, age time.Duration) bool {
				byTime := make(map[time.Time]string)
				for id, k := range sh.bodies {
					byTime[k.aux] = id
				}
				for at, id := range byTime {
					if now.Sub(at) > age {
						delete(sh.bodies, id)
					}
				}
				return true
			}
		}),
		shelved("ExpireGoesByAge", "removes all up to the last id that it has seen", func(sh *shelf) {
			sh.expires = func(sh *shelf, now time.Time, age time.Duration) bool {
				old := slices.ContainsFunc(sh.ordered(), func(k *kept) bool { return now.Sub(k.put) > age })
				if old {
					clear(sh.bodies)
				}
				return true
			}
		}),
		breaksStore("ExpireOfNothing", "takes nothing to do for a failure", func(_ *testing.T, s *store) {
			s.expire = func(ctx context.Context, age time.Duration) error {
				before := s.Store.(*memory.Store).Len()
				s.Store.Expire(ctx, age)
				if before == 0 {
					return errors.New("no rows affected")
				}
				return nil
			}
		}),
	}
	for _, page := range []int{100, 1000, 1001, 5000, 10_000} {
		all = append(all, shelved("ExpireGoesByAge", fmt.Sprintf("removes %d at a time", page), func(sh *shelf) {
			sh.expires = func(sh *shelf, now time.Time, age time.Duration) bool {
				for i, k := range sh.ordered() {
					if i < page && now.Sub(k.put) > age {
						delete(sh.bodies, k.id)
					}
				}
				return true
			}
		}))
	}
	for _, page := range []int{1000, 10_000} {
		all = append(all, shelved("ExpireGoesByAge", fmt.Sprintf("removes whole pages of %d", page), func(sh *shelf) {
			sh.expires = func(sh *shelf, now time.Time, age time.Duration) bool {
				all := sh.ordered()
				for start := 0; start < len(all); start += page {
					whole := all[start:min(start+page, len(all))]
					if now.Sub(whole[0].put) > age {
						for _, k := range whole {
							delete(sh.bodies, k.id)
						}
					}
				}
				return true
			}
		}))
	}
	return all
}

// ordered returns the bodies in the order in which they were put.
func (sh *shelf) ordered() (all []*kept) {
	for _, k := range sh.bodies {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *kept) int { return a.n - b.n })
	return all
}

// expiring returns a mutant that changes the age.
func expiring(check, bug string, change func(time.Duration) time.Duration) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) {
		s.expire = func(ctx context.Context, age time.Duration) error { return s.Store.Expire(ctx, change(age)) }
	})
}

// truncating returns a mutant that keeps times in a unit, of the store's clock.
func truncating(unit time.Duration) mutant[conformance.StoreHarness] {
	return shelved("ExpireGoesByAge", fmt.Sprintf("has times of %v", unit), coarse(unit))
}

func coarse(unit time.Duration) func(sh *shelf) {
	return func(sh *shelf) {
		sh.put = func(_ *shelf, k *kept, now time.Time) { k.aux = now.Truncate(unit) }
		sh.expires = func(sh *shelf, now time.Time, age time.Duration) bool {
			for id, k := range sh.bodies {
				if now.Truncate(unit).Sub(k.aux) > age {
					delete(sh.bodies, id)
				}
			}
			return true
		}
	}
}

// prolonging returns a mutant in which reading makes a body young again, at most so many times.
func prolonging(method string, most int) mutant[conformance.StoreHarness] {
	bug := fmt.Sprintf("counts from %s, at most %d times", method, most)
	return mutant[conformance.StoreHarness]{"ExpireGoesByAge", bug, func(*testing.T) conformance.StoreHarness {
		sh, reads := newShelf(func(*shelf) {}), make(map[string]int)
		touch := func(ids ...string) {
			sh.mu.Lock()
			defer sh.mu.Unlock()
			for _, id := range ids {
				if k := sh.bodies[id]; k != nil && (most < 0 || reads[id] < most) {
					reads[id]++
					k.aux = time.Now()
				}
			}
		}
		return storeHarnessOn(sh, func(s *store) {
			switch method {
			case "Get":
				s.get = func(ctx context.Context, id string) ([]byte, error) { touch(id); return s.Store.Get(ctx, id) }
			case "GetAll":
				s.getAll = func(ctx context.Context, ids []string) ([][]byte, error) {
					touch(ids...)
					return s.plainGetAll(ctx, ids)
				}
			case "GetUpTo":
				s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
					touch(ids...)
					return s.plainGetUpTo(ctx, ids, limit)
				}
			}
		})
	}}
}
