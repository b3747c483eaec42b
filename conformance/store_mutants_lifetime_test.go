package conformance_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

// TestTimeToLiveSuite runs the checks on stores whose bodies have a time to live, and whose Expire does
// nothing.
func TestTimeToLiveSuite(t *testing.T) {
	suiteTest[conformance.StoreHarness]{
		checks: []string{"BodiesLiveForTheirTTL"},
		why:    conformance.StoreWhy,
		run:    conformance.CheckStore,
		good: func(*testing.T) conformance.StoreHarness {
			return lifetimeHarness(func(*hookStore, time.Duration) {})
		},
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

// lifetimeHarness returns the harness of stores with a time to live: of a minute, unless the suite asks for
// another.
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
		all = append(all, mutant[conformance.StoreHarness]{"BodiesLiveForTheirTTL", bug,
			func(*testing.T) conformance.StoreHarness { return lifetimeHarness(change) }})
	}
	lasting := func(bug string, lasts func(ttl time.Duration) time.Duration) {
		lives(bug, func(hs *hookStore, ttl time.Duration) {
			hs.isGone = func(k *storedBody, now time.Time) bool { return now.Sub(k.put) >= lasts(ttl) }
		})
	}
	lasting("keeps bodies half as long", func(ttl time.Duration) time.Duration { return ttl / 2 })
	lasting("keeps bodies nine tenths as long", func(ttl time.Duration) time.Duration { return ttl * 9 / 10 })
	lasting("keeps bodies a second less", func(ttl time.Duration) time.Duration { return ttl - time.Second })
	lasting("treats seconds as milliseconds", func(ttl time.Duration) time.Duration { return ttl / 1000 })
	lasting("treats seconds as minutes", func(ttl time.Duration) time.Duration { return ttl * 60 })
	lasting("keeps bodies twice as long", func(ttl time.Duration) time.Duration { return ttl * 2 })
	lasting("keeps bodies forever", func(time.Duration) time.Duration { return 1<<63 - 1 })
	lasting("keeps bodies for an hour", func(time.Duration) time.Duration { return time.Hour })
	lives("restarts the time with every read", func(hs *hookStore, _ time.Duration) {
		hs.onRead = func(_ *hookStore, k *storedBody, now time.Time) { k.agedFrom = now }
	})
	lives("restarts the time with reads in the second half", func(hs *hookStore, ttl time.Duration) {
		hs.onRead = func(_ *hookStore, k *storedBody, now time.Time) {
			if now.Sub(k.agedFrom) > ttl/2 {
				k.agedFrom = now
			}
		}
	})
	lives("extends the time with the first read", func(hs *hookStore, ttl time.Duration) {
		hs.onRead = func(_ *hookStore, k *storedBody, _ time.Time) { k.agedFrom = k.put.Add(ttl * 5 / 8) }
	})
	lives("counts from the first read", func(hs *hookStore, _ time.Duration) {
		hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) { k.agedFrom = now.Add(24 * time.Hour) }
		hs.onRead = func(_ *hookStore, k *storedBody, now time.Time) {
			if k.agedFrom.After(now) {
				k.agedFrom = now
			}
		}
	})
	lives("shortens the time with every read", func(hs *hookStore, ttl time.Duration) {
		hs.onRead = func(_ *hookStore, k *storedBody, _ time.Time) { k.agedFrom = k.put.Add(-ttl / 4) }
	})
	lives("counts from the Put of the first body", func(hs *hookStore, _ time.Duration) {
		var first time.Time
		hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) {
			if first.IsZero() {
				first = now
			}
			k.agedFrom = first
		}
	})
	lives("counts from the Put of the last body", func(hs *hookStore, ttl time.Duration) {
		var last time.Time
		hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) { last = now }
		hs.isGone = func(_ *storedBody, now time.Time) bool { return now.Sub(last) >= ttl }
	})
	for _, unit := range []time.Duration{time.Second, time.Minute} {
		lives(fmt.Sprintf("has times with a resolution of %v", unit), func(hs *hookStore, _ time.Duration) {
			hs.onPut = func(_ *hookStore, k *storedBody, now time.Time) { k.agedFrom = now.Truncate(unit) }
		})
	}
	lives("removes bodies at fixed times", func(hs *hookStore, ttl time.Duration) {
		hs.isGone = func(k *storedBody, now time.Time) bool { return !k.put.Truncate(ttl).Equal(now.Truncate(ttl)) }
	})
	lives("removes all bodies with Expire", func(hs *hookStore, _ time.Duration) {
		hs.onExpire = func(hs *hookStore, _ time.Time, _ time.Duration) bool { clear(hs.bodies); return true }
	})
	lives("reuses ids of expired bodies", func(hs *hookStore, _ time.Duration) {
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
