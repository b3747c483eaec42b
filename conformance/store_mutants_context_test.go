package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

// storeMethods wrap each method that has a context: the func around is called in place of the method, and gets
// the method's own call.
var storeMethods = map[string]func(s *store, around aroundCall){
	"Put": func(s *store, around aroundCall) {
		s.put = func(ctx context.Context, body []byte) (id string, err error) {
			err = around(ctx, func(ctx context.Context) error { id, err = s.Store.Put(ctx, body); return err })
			return id, err
		}
	},
	"Get": func(s *store, around aroundCall) {
		s.get = func(ctx context.Context, id string) (body []byte, err error) {
			err = around(ctx, func(ctx context.Context) error { body, err = s.Store.Get(ctx, id); return err })
			return body, err
		}
	},
	"Expire": func(s *store, around aroundCall) {
		s.expire = func(ctx context.Context, age time.Duration) error {
			return around(ctx, func(ctx context.Context) error { return s.Store.Expire(ctx, age) })
		}
	},
	"Prepare": func(s *store, around aroundCall) {
		s.prepare = func(ctx context.Context) error {
			return around(ctx, func(ctx context.Context) error { return ctx.Err() })
		}
	},
	"PutAll": func(s *store, around aroundCall) {
		s.putAll = func(ctx context.Context, bodies [][]byte) (ids []string, err error) {
			err = around(ctx, func(ctx context.Context) error { ids, err = s.plainPutAll(ctx, bodies); return err })
			return ids, err
		}
	},
	"GetAll": func(s *store, around aroundCall) {
		s.getAll = func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
			err = around(ctx, func(ctx context.Context) error { bodies, err = s.plainGetAll(ctx, ids); return err })
			return bodies, err
		}
	},
	"GetUpTo": func(s *store, around aroundCall) {
		s.getUpTo = func(ctx context.Context, ids []string, limit int) (found []storage.Found, err error) {
			err = around(ctx,
				func(ctx context.Context) error { found, err = s.plainGetUpTo(ctx, ids, limit); return err })
			return found, err
		}
	},
}

func storeContextMutants() (all []mutant[conformance.StoreHarness]) {
	all = append(all, mutant[conformance.StoreHarness]{"EndedContextFailsFast",
		"removes a body before it looks at the context", func(*testing.T) conformance.StoreHarness {
			hs := newHookStore(func(*hookStore) {})
			return storeHarnessOn(hs, func(s *store) {
				s.expire = func(ctx context.Context, age time.Duration) error {
					if all := hs.ordered(); ctx.Err() != nil && len(all) > 0 && time.Since(all[0].put) > age {
						delete(hs.bodies, all[0].id)
					}
					return hs.Expire(ctx, age)
				}
			})
		}})
	for method, wrap := range storeMethods {
		mutate := func(check, bug string, around func(s *store, ctx context.Context,
			call func(ctx context.Context) error) error) {
			all = append(all, breaksStore(check, method+" "+bug, func(_ *testing.T, s *store) {
				wrap(s, func(ctx context.Context, call func(context.Context) error) error {
					return around(s, ctx,
						call)
				})
			}))
		}
		mutate("EndedContextFailsFast", "does not look at the context",
			func(_ *store, ctx context.Context, call func(context.Context) error) error {
				return call(context.WithoutCancel(ctx))
			})
		mutate("EndedContextFailsFast", "returns the cause",
			func(_ *store, ctx context.Context, call func(context.Context) error) error {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				return call(ctx)
			})
		mutate("EndedContextFailsFast", "always returns Canceled",
			func(_ *store, ctx context.Context, call func(context.Context) error) error {
				if ctx.Err() != nil {
					return context.Canceled
				}
				return call(ctx)
			})
		mutate("EndedContextFailsFast", "has its own error",
			func(_ *store, ctx context.Context, call func(context.Context) error) error {
				if ctx.Err() != nil {
					return fmt.Errorf("i/o timeout: %v", ctx.Err())
				}
				return call(ctx)
			})
		for _, takes := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
			mutate("InterruptedCallsEnd", fmt.Sprintf("takes %v and looks at the context only before", takes),
				func(_ *store, ctx context.Context, call func(context.Context) error) error {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					time.Sleep(takes)
					return call(context.WithoutCancel(ctx))
				})
			mutate("InterruptedCallsEnd", fmt.Sprintf("takes %v and looks at the context only afterwards", 4*takes),
				func(_ *store, ctx context.Context, call func(context.Context) error) error {
					time.Sleep(4 * takes)
					return call(ctx)
				})
			mutate("InterruptedCallsEnd", fmt.Sprintf("takes %v and has its own error", takes),
				func(_ *store, ctx context.Context, call func(context.Context) error) error {
					select {
					case <-time.After(takes):
						return call(ctx)
					case <-ctx.Done():
						return errors.New("canceling statement due to user request")
					}
				})
		}
		mutate("InterruptedCallsEnd", "waits for an answer without its context",
			func(s *store, ctx context.Context, call func(context.Context) error) error {
				if ctx.Err() == nil {
					s.stalled.wait(context.WithoutCancel(ctx))
				}
				return call(ctx)
			})
		mutate("InterruptedCallsEnd", "breaks the store when it is interrupted",
			func(s *store, ctx context.Context, call func(context.Context) error) error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				err := s.stalled.wait(ctx)
				if err == nil {
					return call(ctx)
				}
				s.put = func(context.Context, []byte) (string, error) { return "", errors.New("bad connection") }
				return err
			})
	}
	for _, size := range []int{1 << 20, 16 << 20} {
		for method := range map[string]bool{"Put": true, "Get": true} {
			all = append(all, breaksStore("InterruptedCallsEnd",
				fmt.Sprintf("%s of %d bytes or more looks at the context only at the end", method, size),
				func(_ *testing.T, s *store) {
					slow := func(body []byte) { time.Sleep(time.Duration(len(body)>>20) * 20 * time.Millisecond) }
					if method == "Put" {
						s.put = func(ctx context.Context, body []byte) (string, error) {
							if len(body) >= size && ctx.Err() == nil {
								slow(body)
							}
							return s.Store.Put(ctx, body)
						}
					} else {
						s.get = func(ctx context.Context, id string) ([]byte, error) {
							body, err := s.Store.Get(ctx, id)
							if len(body) >= size {
								slow(body)
							}
							return body, errors.Join(err, ctx.Err())
						}
					}
				}))
		}
	}
	return append(all,
		breaksStore("InterruptedCallsEnd", "returns half of a body if Get is interrupted",
			func(_ *testing.T, s *store) {
				s.get = func(ctx context.Context, id string) ([]byte, error) {
					body, err := s.Store.Get(ctx, id)
					if err == nil && len(body) > 1000 && !sleepUnlessDone(ctx, 40*time.Millisecond) {
						return body[:len(body)/2], nil
					}
					return body, err
				}
			}),
		breaksStore("InterruptedCallsEnd", "returns the body of an interrupted Get from the next one",
			func(_ *testing.T, s *store) {
				var mu sync.Mutex
				var unread []byte
				s.get = func(ctx context.Context, id string) ([]byte, error) {
					body, err := s.Store.Get(ctx, id)
					mu.Lock()
					defer mu.Unlock()
					if unread != nil {
						body, unread = unread, nil
					}
					if err == nil && !sleepUnlessDone(ctx, 40*time.Millisecond) {
						unread = body
						return nil, ctx.Err()
					}
					return body, err
				}
			}),
		interruptedPut("keeps half of an interrupted Put",
			func(ctx context.Context, s *store, body []byte, err error) (string, error) {
				id, _ := s.Store.Put(context.WithoutCancel(ctx), body[:len(body)/2])
				return id, err
			}),
		interruptedPut("keeps half of an interrupted Put, and returns no id",
			func(ctx context.Context, s *store, body []byte, err error) (string, error) {
				s.Store.Put(context.WithoutCancel(ctx), body[:len(body)/2])
				return "", err
			}),
		interruptedPut("succeeds with half of an interrupted Put",
			func(ctx context.Context, s *store, body []byte, _ error) (string, error) {
				return s.Store.Put(context.WithoutCancel(ctx), body[:len(body)/2])
			}),
		interruptedPut("succeeds with an empty body for an interrupted Put",
			func(ctx context.Context, s *store, body []byte, _ error) (string, error) {
				return s.Store.Put(context.WithoutCancel(ctx), nil)
			}),
	)
}

// sleepUnlessDone waits, and returns false if ctx ended first. A timer that is due at once crashes Go 1.26 on a
// virtual clock with -race.
func sleepUnlessDone(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func interruptedPut(bug string, interrupted func(ctx context.Context, s *store, body []byte, err error) (string,
	error)) mutant[conformance.StoreHarness] {
	return breaksStore("InterruptedPutIsAllOrNothing", bug, func(_ *testing.T, s *store) {
		s.Store = s.Store.(*memory.Store)
		s.put = func(ctx context.Context, body []byte) (string, error) {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			if len(body) > 1000 && !sleepUnlessDone(ctx, 40*time.Millisecond) {
				return interrupted(ctx, s, body, ctx.Err())
			}
			return s.Store.Put(ctx, body)
		}
	})
}
