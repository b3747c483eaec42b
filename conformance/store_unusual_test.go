package conformance_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

// TestUnusualStoresPass runs the suite on correct stores that differ from those of this module.
func TestUnusualStoresPass(t *testing.T) {
	if raceEnabled {
		t.Skip("takes minutes with the race detector, with which the suite runs on other stores; test-norace runs it")
	}
	harnesses := map[string]func() conformance.StoreHarness{
		"plain":  func() conformance.StoreHarness { return plainHarness(memory.NewStore(), 0) },
		"50 ms":  func() conformance.StoreHarness { return plainHarness(memory.NewStore(), 50*time.Millisecond) },
		"200 ms": func() conformance.StoreHarness { return plainHarness(memory.NewStore(), 200*time.Millisecond) },
		"200 ms with batches": func() conformance.StoreHarness {
			return storeHarness(func(s *store) {
				for _, wrap := range storeMethods {
					wrap(s, func(ctx context.Context, call func(context.Context) error) error {
						if err := s.stalled.wait(ctx); err != nil || !sleepUnlessDone(ctx, 200*time.Millisecond) {
							return ctx.Err()
						}
						return call(ctx)
					})
				}
			})
		},
		"limit of 64 MiB": func() conformance.StoreHarness {
			return storeHarness(func(s *store) {
				s.Store = limited{s.Store.(*memory.Store)}
			})
		},
		"1,000 ids at a time": func() conformance.StoreHarness {
			return storeHarness(func(s *store) {
				s.getAll = func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
					for len(ids) > 0 && err == nil {
						var page [][]byte
						page, err = s.plainGetAll(ctx, ids[:min(1000, len(ids))])
						bodies, ids = append(bodies, page...), ids[min(1000, len(ids)):]
					}
					return bodies, err
				}
			})
		},
	}
	for _, unit := range []time.Duration{time.Millisecond, 16 * time.Millisecond, 100 * time.Millisecond} {
		harnesses["clock of "+unit.String()] = func() conformance.StoreHarness {
			return storeHarnessOn(newHookStore(coarse(unit)), func(*store) {})
		}
	}
	for kind, name := range idKinds {
		harnesses["ids "+kind] = func() conformance.StoreHarness {
			return storeHarnessOn(newHookStore(func(hs *hookStore) {
				hs.nameBody = func(_ *hookStore, n int, _ []byte) string { return name(n) }
			}), func(*store) {})
		}
	}
	for name, harness := range harnesses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suiteTest[conformance.StoreHarness]{virtualClock: true}.onClock(t, func(t *testing.T) {
				h := harness() // one for all checks, as users have it
				for _, check := range conformance.StoreChecks() {
					if (strings.HasPrefix(name, "ids") || strings.HasPrefix(name, "clock")) &&
						!strings.Contains(check, "ID") && !strings.Contains(check, "Expire") {
						continue
					}
					r := record(t, func(tb testing.TB) { conformance.CheckStore(tb, check, h) })
					if r.failed {
						t.Errorf("%s: %s", check, r.text)
					}
				}
			})
		})
	}
}

// plainHarness returns the harness of a slow store without optional interfaces.
func plainHarness(inner storage.Store, latency time.Duration) conformance.StoreHarness {
	s := &store{Store: inner, stalled: new(stallGate)}
	for _, method := range []string{"Put", "Get", "Expire"} {
		storeMethods[method](s, func(ctx context.Context, call func(context.Context) error) error {
			if latency > 0 && !sleepUnlessDone(ctx, latency) {
				return ctx.Err()
			}
			return call(ctx)
		})
	}
	return conformance.StoreHarness{NewStore: func(testing.TB) storage.Store { return struct{ storage.Store }{s} }}
}

// limited refuses bodies over the smallest limit that a store may have.
type limited struct{ *memory.Store }

func (l limited) Put(ctx context.Context, body []byte) (string, error) {
	if len(body) > storage.MinBody {
		return "", fmt.Errorf("%d bytes are too many", len(body))
	}
	return l.Store.Put(ctx, body)
}
