package conformance_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

// TestTimeToLiveSuite runs the checks of stores whose bodies have a time to live, and whose Expire does nothing.
func TestTimeToLiveSuite(t *testing.T) {
	suite[conformance.StoreHarness]{
		checks:  []string{"BodiesLiveTheirTime"},
		why:     conformance.StoreWhy,
		run:     conformance.CheckStore,
		good:    func(*testing.T) conformance.StoreHarness { return lifetimeHarness(func(*shelf, time.Duration) {}) },
		mutants: storeLifetimeMutants(),
		virtual: true,
	}.test(t)
	for _, check := range conformance.StoreChecks() {
		t.Run("Good/"+check, func(t *testing.T) {
			r := record(t, func(tb testing.TB) {
				conformance.CheckStore(tb, check, lifetimeHarness(func(*shelf, time.Duration) {}))
			})
			if r.failed {
				t.Error(r.text)
			}
		})
	}
}

// lifetimeHarness returns the harness of stores with a time to live: of a minute, unless it is given.
func lifetimeHarness(change func(sh *shelf, ttl time.Duration)) conformance.StoreHarness {
	shelves := make(map[time.Duration]*shelf)
	store := func(ttl time.Duration) *store {
		if shelves[ttl] == nil {
			shelves[ttl] = newShelf(func(sh *shelf) {
				sh.gone = func(k *kept, now time.Time) bool { return now.Sub(k.aux) >= ttl }
				sh.expires = func(*shelf, time.Time, time.Duration) bool { return true }
				change(sh, ttl)
			})
		}
		return &store{Store: shelves[ttl], stalled: new(stall)}
	}
	return conformance.StoreHarness{
		NewStore:      func(testing.TB) storage.Store { return store(time.Minute) },
		NewShortLived: func(_ testing.TB, ttl time.Duration) storage.Store { return store(ttl) },
	}
}

func storeLifetimeMutants() (all []mutant[conformance.StoreHarness]) {
	lives := func(bug string, change func(sh *shelf, ttl time.Duration)) {
		all = append(all, mutant[conformance.StoreHarness]{"BodiesLiveTheirTime", bug, func(*testing.T) conformance.StoreHarness { return lifetimeHarness(change) }})
	}
	lasting := func(bug string, lasts func(ttl time.Duration) time.Duration) {
		lives(bug, func(sh *shelf, ttl time.Duration) {
			sh.gone = func(k *kept, now time.Time) bool { return now.Sub(k.put) >= lasts(ttl) }
		})
	}
	lasting("lives half of it", func(ttl time.Duration) time.Duration { return ttl / 2 })
	lasting("lives nine tenths of it", func(ttl time.Duration) time.Duration { return ttl * 9 / 10 })
	lasting("lives a second less", func(ttl time.Duration) time.Duration { return ttl - time.Second })
	lasting("lives as many milliseconds", func(ttl time.Duration) time.Duration { return ttl / 1000 })
	lasting("lives as many minutes", func(ttl time.Duration) time.Duration { return ttl * 60 })
	lasting("lives twice as long", func(ttl time.Duration) time.Duration { return ttl * 2 })
	lasting("lives for ever", func(time.Duration) time.Duration { return 1<<63 - 1 })
	lasting("lives an hour", func(time.Duration) time.Duration { return time.Hour })
	lives("is prolonged by reading", func(sh *shelf, _ time.Duration) {
		sh.read = func(_ *shelf, k *kept, now time.Time) { k.aux = now }
	})
	lives("is prolonged by reading in the second half", func(sh *shelf, ttl time.Duration) {
		sh.read = func(_ *shelf, k *kept, now time.Time) {
			if now.Sub(k.aux) > ttl/2 {
				k.aux = now
			}
		}
	})
	lives("is prolonged by half by the first reading", func(sh *shelf, ttl time.Duration) {
		sh.read = func(_ *shelf, k *kept, _ time.Time) { k.aux = k.put.Add(ttl * 5 / 8) }
	})
	lives("counts from the first reading", func(sh *shelf, _ time.Duration) {
		sh.put = func(_ *shelf, k *kept, now time.Time) { k.aux = now.Add(24 * time.Hour) }
		sh.read = func(_ *shelf, k *kept, now time.Time) {
			if k.aux.After(now) {
				k.aux = now
			}
		}
	})
	lives("is shortened by reading", func(sh *shelf, ttl time.Duration) {
		sh.read = func(_ *shelf, k *kept, _ time.Time) { k.aux = k.put.Add(-ttl / 4) }
	})
	lives("counts from the first of all bodies", func(sh *shelf, _ time.Duration) {
		var first time.Time
		sh.put = func(_ *shelf, k *kept, now time.Time) {
			if first.IsZero() {
				first = now
			}
			k.aux = first
		}
	})
	lives("counts from the last of all bodies", func(sh *shelf, ttl time.Duration) {
		var last time.Time
		sh.put = func(_ *shelf, k *kept, now time.Time) { last = now }
		sh.gone = func(_ *kept, now time.Time) bool { return now.Sub(last) >= ttl }
	})
	for _, unit := range []time.Duration{time.Second, time.Minute} {
		lives(fmt.Sprintf("has times of %v", unit), func(sh *shelf, _ time.Duration) {
			sh.put = func(_ *shelf, k *kept, now time.Time) { k.aux = now.Truncate(unit) }
		})
	}
	lives("removes bodies at fixed times", func(sh *shelf, ttl time.Duration) {
		sh.gone = func(k *kept, now time.Time) bool { return !k.put.Truncate(ttl).Equal(now.Truncate(ttl)) }
	})
	lives("is removed by Expire all the same", func(sh *shelf, _ time.Duration) {
		sh.expires = func(sh *shelf, _ time.Time, _ time.Duration) bool { clear(sh.bodies); return true }
	})
	lives("gives ids again when bodies have expired", func(sh *shelf, _ time.Duration) {
		sh.name = func(sh *shelf, _ int, _ []byte) string {
			n := 1
			for ; ; n++ {
				if k := sh.bodies[strconv.Itoa(n)]; k == nil || sh.gone(k, time.Now()) {
					return strconv.Itoa(n)
				}
			}
		}
	})
	return all
}
