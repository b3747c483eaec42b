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
	suiteTest[conformance.StoreHarness]{
		checks:       []string{"BodiesLiveForTheirTTL"},
		why:          conformance.StoreWhy,
		run:          conformance.CheckStore,
		good:         func(*testing.T) conformance.StoreHarness { return lifetimeHarness(func(*hookStore, time.Duration) {}) },
		mutants:      storeLifetimeMutants(),
		virtualClock: true,
	}.test(t)
	for _, check := range conformance.StoreChecks() {
		t.Run("Good/"+check, func(t *testing.T) {
			r := record(t, func(tb testing.TB) {
				conformance.CheckStore(tb, check, lifetimeHarness(func(*hookStore, time.Duration) {}))
			})
			if r.failed {
				t.Error(r.text)
			}
		})
	}
}

// lifetimeHarness returns the harness of stores with a time to live: of a minute, unless it is given.
func lifetimeHarness(change func(hs *hookStore, ttl time.Duration)) conformance.StoreHarness {
	shelves := make(map[time.Duration]*hookStore)
	store := func(ttl time.Duration) *store {
		if shelves[ttl] == nil {
			shelves[ttl] = newHookStore(func(hs *hookStore) {
				hs.isGone = func(k *storedBody, now time.Time) bool { return now.Sub(k.agedFrom) >= ttl }
				hs.onExpire = func(*hookStore, time.Time, time.Duration) bool { return true }
				change(hs, ttl)
			})
		}
		return &store{Store: shelves[ttl], stalled: new(stallGate)}
	}
	return conformance.StoreHarness{
		NewStore:      func(testing.TB) storage.Store { return store(time.Minute) },
		NewShortLived: func(_ testing.TB, ttl time.Duration) storage.Store { return store(ttl) },
	}
}

func storeLifetimeMutants() (all []mutant[conformance.StoreHarness]) {
	lives := func(bug string, change func(hs *hookStore, ttl time.Duration)) {
		all = append(all, mutant[conformance.StoreHarness]{"BodiesLiveForTheirTTL", bug, func(*testing.T) conformance.StoreHarness { return lifetimeHarness(change) }})
	}
	lasting := func(bug string, lasts func(ttl time.Duration) time.Duration) {
		lives(bug, func(hs *hookStore, ttl time.Duration) {
			hs.isGone = func(k *storedBody, now time.Time) bool { return now.Sub(k.put) >= lasts(ttl) }
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
	lives("is prolonged by reading", func(hs *hookStore, _ time.Duration) {
		hs.onRead = func(_ *hookStore, k *storedBody, now time.Time) { k.agedFrom = now }
	})
	lives("is prolonged by reading in the second half", func(hs *hookStore, ttl time.Duration) {
		hs.onRead = func(_ *hookStore, k *storedBody, now time.Time) {
			if now.Sub(k.agedFrom) > ttl/2 {
				k.agedFrom = now
			}
		}
	})
	lives("is prolonged by half by the first reading", func(hs *hookStore, ttl time.Duration) {
		hs.onRead = func(_ *hookStore, k *storedBody, _ time.Time) { k.agedFrom = k.put.Add(ttl * 5 / 8) }
	})
	lives("counts from the first reading", func(hs *hookStore, _ time.Duration) {
		hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) { k.agedFrom = now.Add(24 * time.Hour) }
		hs.onRead = func(_ *hookStore, k *storedBody, now time.Time) {
			if k.agedFrom.After(now) {
				k.agedFrom = now
			}
		}
	})
	lives("is shortened by reading", func(hs *hookStore, ttl time.Duration) {
		hs.onRead = func(_ *hookStore, k *storedBody, _ time.Time) { k.agedFrom = k.put.Add(-ttl / 4) }
	})
	lives("counts from the first of all bodies", func(hs *hookStore, _ time.Duration) {
		var first time.Time
		hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) {
			if first.IsZero() {
				first = now
			}
			k.agedFrom = first
		}
	})
	lives("counts from the last of all bodies", func(hs *hookStore, ttl time.Duration) {
		var last time.Time
		hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) { last = now }
		hs.isGone = func(_ *storedBody, now time.Time) bool { return now.Sub(last) >= ttl }
	})
	for _, unit := range []time.Duration{time.Second, time.Minute} {
		lives(fmt.Sprintf("has times of %v", unit), func(hs *hookStore, _ time.Duration) {
			hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) { k.agedFrom = now.Truncate(unit) }
		})
	}
	lives("removes bodies at fixed times", func(hs *hookStore, ttl time.Duration) {
		hs.isGone = func(k *storedBody, now time.Time) bool { return !k.put.Truncate(ttl).Equal(now.Truncate(ttl)) }
	})
	lives("is removed by Expire all the same", func(hs *hookStore, _ time.Duration) {
		hs.onExpire = func(hs *hookStore, _ time.Time, _ time.Duration) bool { clear(hs.bodies); return true }
	})
	lives("gives ids again when bodies have expired", func(hs *hookStore, _ time.Duration) {
		hs.nameBody = func(hs *hookStore, _ int, _ []byte) string {
			n := 1
			for ; ; n++ {
				if k := hs.bodies[strconv.Itoa(n)]; k == nil || hs.isGone(k, time.Now()) {
					return strconv.Itoa(n)
				}
			}
		}
	})
	return all
}
