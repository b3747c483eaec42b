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
		changesAge("ExpireKeepsYoungBodies", "removes all", func(time.Duration) time.Duration { return -1 }),
		changesAge("ExpireKeepsYoungBodies", "has milliseconds of 32 bits", func(age time.Duration) time.Duration {
			return time.Duration(int32(age.Milliseconds())) * time.Millisecond
		}),
		changesAge("ExpireKeepsYoungBodies", "loses the upper half of the age",
			func(age time.Duration) time.Duration { return time.Duration(int32(age)) }),
		changesAge("ExpireKeepsYoungBodies", "overflows with the longest age",
			func(age time.Duration) time.Duration { return age + time.Second }),
		changesAge("ExpireKeepsYoungBodies", "treats more than a day as zero", func(age time.Duration) time.Duration {
			if age > 24*time.Hour {
				return 0
			}
			return age
		}),
		breaksHookStore("ExpireKeepsYoungBodies", "keeps the 1,000 youngest", func(hs *hookStore) {
			hs.onExpire = func(hs *hookStore, _ time.Time, _ time.Duration) bool {
				for id, k := range hs.bodies {
					if k.number <= hs.puts-1000 {
						delete(hs.bodies, id)
					}
				}
				return true
			}
		}),
		breaksStore("ExpireRemovesOldBodies", "removes nothing", func(_ *testing.T, s *store) {
			s.expire = func(context.Context, time.Duration) error { return nil }
		}),
		cached("Get", 0), cached("Get", 1<<20), cached("GetAll", 0), cached("GetUpTo", 1<<16),
		breaksHookStore("ExpireRemovesOldBodies", "keeps empty bodies", func(hs *hookStore) {
			hs.onExpire = func(hs *hookStore, now time.Time, age time.Duration) bool {
				for id, k := range hs.bodies {
					if now.Sub(k.put) > age && len(k.body) > 0 {
						delete(hs.bodies, id)
					}
				}
				return true
			}
		}),
		perStoreExpire(),
		changesAge("ExpireGoesByAge", "treats the age as microseconds",
			func(age time.Duration) time.Duration { return age / 1000 }),
		changesAge("ExpireGoesByAge", "treats the age as milliseconds",
			func(age time.Duration) time.Duration { return age * 1000 }),
		changesAge("ExpireGoesByAge", "rounds the age up to seconds", func(age time.Duration) time.Duration {
			return (age + time.Second - 1).Truncate(time.Second)
		}),
		changesAge("ExpireGoesByAge", "rounds the age down to seconds",
			func(age time.Duration) time.Duration { return age.Truncate(time.Second) }),
		changesAge("ExpireGoesByAge", "rounds the age to seconds",
			func(age time.Duration) time.Duration { return age.Round(time.Second) }),
		changesAge("ExpireGoesByAge", "expires at half of the age",
			func(age time.Duration) time.Duration { return age / 2 }),
		changesAge("ExpireGoesByAge", "expires at twice the age",
			func(age time.Duration) time.Duration { return age * 2 }),
		changesAge("ExpireGoesByAge", "waits for another minute",
			func(age time.Duration) time.Duration { return age + time.Minute }),
		coarseTimes(time.Second), coarseTimes(time.Minute), coarseTimes(2 * time.Second),
		// The last one extends the age once only.
		prolonging("Get", -1), prolonging("GetAll", -1), prolonging("GetUpTo", -1), prolonging("Get", 1),
		breaksHookStore("ExpireGoesByAge", "counts from the last Get of a large body", func(hs *hookStore) {
			hs.onRead = func(_ *hookStore, k *storedBody, now time.Time) {
				if len(k.body) > 1<<16 {
					k.agedFrom = now
				}
			}
		}),
		breaksHookStore("ExpireGoesByAge", "counts from every 100th Get", func(hs *hookStore) {
			gets := 0
			hs.onRead = func(_ *hookStore, k *storedBody, now time.Time) {
				if gets++; gets%100 == 0 {
					k.agedFrom = now
				}
			}
		}),
		changesAge("ExpireGoesByAge", "treats less than a second as a second", func(age time.Duration) time.Duration {
			if age > 0 { // the tests themselves expire with age 0
				age = max(age, time.Second)
			}
			return age
		}),
		breaksHookStore("ExpireGoesByAge", "counts from the first Get", func(hs *hookStore) {
			hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) { k.agedFrom = now.Add(time.Hour) }
			hs.onRead = func(_ *hookStore, k *storedBody, _ time.Time) { k.agedFrom = k.put }
		}),
		breaksHookStore("ExpireGoesByAge", "tracks one body of each millisecond", func(hs *hookStore) {
			hs.onPut = func(hs *hookStore, k *storedBody, now time.Time) { k.agedFrom = now.Truncate(time.Millisecond) }
			hs.onExpire = func(hs *hookStore, now time.Time, age time.Duration) bool {
				byTime := make(map[time.Time]string)
				for id, k := range hs.bodies {
					byTime[k.agedFrom] = id
				}
				for at, id := range byTime {
					if now.Sub(at) > age {
						delete(hs.bodies, id)
					}
				}
				return true
			}
		}),
		breaksHookStore("ExpireGoesByAge", "removes all bodies if one is old", func(hs *hookStore) {
			hs.onExpire = func(hs *hookStore, now time.Time, age time.Duration) bool {
				old := slices.ContainsFunc(hs.ordered(), func(k *storedBody) bool { return now.Sub(k.put) > age })
				if old {
					clear(hs.bodies)
				}
				return true
			}
		}),
		breaksStore("ExpireOfEmptyStoreSucceeds", "fails if there is nothing to do", func(_ *testing.T, s *store) {
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
		all = append(all, breaksHookStore("ExpireGoesByAge", fmt.Sprintf("removes %d at a time", page),
			func(hs *hookStore) {
				hs.onExpire = func(hs *hookStore, now time.Time, age time.Duration) bool {
					for i, k := range hs.ordered() {
						if i < page && now.Sub(k.put) > age {
							delete(hs.bodies, k.id)
						}
					}
					return true
				}
			}))
	}
	for _, page := range []int{1000, 10_000} {
		all = append(all, breaksHookStore("ExpireGoesByAge", fmt.Sprintf("removes whole pages of %d", page),
			func(hs *hookStore) {
				hs.onExpire = func(hs *hookStore, now time.Time, age time.Duration) bool {
					all := hs.ordered()
					for start := 0; start < len(all); start += page {
						whole := all[start:min(start+page, len(all))]
						if now.Sub(whole[0].put) > age {
							for _, k := range whole {
								delete(hs.bodies, k.id)
							}
						}
					}
					return true
				}
			}))
	}
	return all
}

// ordered returns the bodies in the order of their Put.
func (hs *hookStore) ordered() (all []*storedBody) {
	for _, k := range hs.bodies {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *storedBody) int { return a.number - b.number })
	return all
}

// changesAge returns a mutant that changes the age.
func changesAge(check, bug string, change func(time.Duration) time.Duration) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) {
		s.expire = func(ctx context.Context, age time.Duration) error { return s.Store.Expire(ctx, change(age)) }
	})
}

// coarseTimes returns a mutant that stores times with a coarse resolution.
func coarseTimes(unit time.Duration) mutant[conformance.StoreHarness] {
	return breaksHookStore("ExpireGoesByAge", fmt.Sprintf("has times with a resolution of %v", unit), coarse(unit))
}

func coarse(unit time.Duration) func(hs *hookStore) {
	return func(hs *hookStore) {
		hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) { k.agedFrom = now.Truncate(unit) }
		hs.onExpire = func(hs *hookStore, now time.Time, age time.Duration) bool {
			for id, k := range hs.bodies {
				if now.Truncate(unit).Sub(k.agedFrom) > age {
					delete(hs.bodies, id)
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
		hs, reads := newHookStore(func(*hookStore) {}), make(map[string]int)
		touch := func(ids ...string) {
			hs.mu.Lock()
			defer hs.mu.Unlock()
			for _, id := range ids {
				if k := hs.bodies[id]; k != nil && (most < 0 || reads[id] < most) {
					reads[id]++
					k.agedFrom = time.Now()
				}
			}
		}
		return storeHarnessOn(hs, func(s *store) {
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
