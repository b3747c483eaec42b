package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

func storeUseMutants() []mutant[conformance.StoreHarness] {
	all := []mutant[conformance.StoreHarness]{
		busyStore("Put"), busyStore("Get"), busyStore("Expire"), busyStore("Put and Get"),
		breaksStore("ConcurrentUse", "returns the id of the last concurrent Put", func(_ *testing.T, s *store) {
			last := lastValue[string]()
			s.put = func(ctx context.Context, body []byte) (string, error) {
				id, err := s.Store.Put(ctx, body)
				return last(id), err
			}
		}),
		breaksStore("ConcurrentUse", "returns the body of the last concurrent Get", func(_ *testing.T, s *store) {
			last := lastValue[[]byte]()
			s.get = func(ctx context.Context, id string) ([]byte, error) {
				body, err := s.Store.Get(ctx, id)
				return last(body), err
			}
		}),
		breaksStore("ConcurrentUse", "loses bodies that are put during Expire", func(_ *testing.T, s *store) {
			var expiring atomic.Bool
			s.expire = func(ctx context.Context, age time.Duration) error {
				expiring.Store(true)
				defer expiring.Store(false)
				time.Sleep(time.Millisecond)
				return s.Store.Expire(ctx, age)
			}
			s.put = func(ctx context.Context, body []byte) (string, error) {
				time.Sleep(10 * time.Microsecond)
				id, err := s.Store.Put(ctx, body)
				if expiring.Load() {
					return "lost " + id, err
				}
				return id, err
			}
		}),
	}
	for _, n := range []int64{1, 100, 1000, 5000} {
		all = append(all,
			eachPut("loses the body", "Put", n, func(s *store, ctx context.Context, id string) (string, error) {
				return "lost", nil
			}),
			eachPut("fails for the body", "Put", n, func(*store, context.Context, string) (string, error) {
				return "", errors.New("bad connection")
			}),
			eachPut("returns the id of another body for the body", "Put", n,
				func(s *store, ctx context.Context, id string) (string, error) {
					other, err := s.Store.Put(ctx, []byte("body 0"))
					return other, err
				}))
		for how, err := range map[string]error{"does not find the body of every Get number": storage.ErrNotFound,
			"fails in every Get number": errors.New("bad connection")} {
			all = append(all, eachGet(how, n, func([]byte) ([]byte, error) { return nil, err }))
		}
		all = append(all, eachGet("changes a byte in every Get number", n, func(body []byte) ([]byte, error) {
			if len(body) == 0 {
				return []byte("x"), nil
			}
			body[len(body)/2]++
			return body, nil
		}))
	}
	return all
}

// lastValue returns a func that stores its argument and, a moment later, returns what was stored last.
func lastValue[T any]() func(v T) T {
	var mu sync.Mutex
	var last T
	return func(v T) T {
		mu.Lock()
		last = v
		mu.Unlock()
		time.Sleep(100 * time.Microsecond)
		mu.Lock()
		defer mu.Unlock()
		return last
	}
}

// busyStore returns a mutant that has one connection and does not wait for it.
func busyStore(methods string) mutant[conformance.StoreHarness] {
	return breaksStore("ConcurrentUse", "has one connection and does not wait for it: "+methods,
		func(_ *testing.T, s *store) {
			var users atomic.Int32
			use := func(f func() error) error {
				defer users.Add(-1)
				if users.Add(1) > 1 {
					return errors.New("conn busy")
				}
				time.Sleep(100 * time.Microsecond)
				return f()
			}
			if methods == "Put" || methods == "Put and Get" {
				s.put = func(ctx context.Context, body []byte) (id string, err error) {
					err = use(func() error { id, err = s.Store.Put(ctx, body); return err })
					return id, err
				}
			}
			if methods == "Get" || methods == "Put and Get" {
				s.get = func(ctx context.Context, id string) (body []byte, err error) {
					err = use(func() error { body, err = s.Store.Get(ctx, id); return err })
					return body, err
				}
			}
			if methods == "Expire" {
				s.expire = func(ctx context.Context, age time.Duration) error {
					return use(func() error { time.Sleep(10 * time.Millisecond); return s.Store.Expire(ctx, age) })
				}
			}
		})
}

// eachPut returns a mutant with a bug in every n-th Put of a store.
func eachPut(bug, method string, n int64, flaw func(s *store, ctx context.Context, id string) (string,
	error)) mutant[conformance.StoreHarness] {
	return breaksStore("ConcurrentUse", fmt.Sprintf("%s of every %[3]s number %[2]d", bug, n, method),
		func(_ *testing.T, s *store) {
			var puts atomic.Int64
			s.put = func(ctx context.Context, body []byte) (string, error) {
				id, err := s.Store.Put(ctx, body)
				if puts.Add(1)%n == 0 && err == nil {
					return flaw(s, ctx, id)
				}
				return id, err
			}
		})
}

func eachGet(bug string, n int64, flaw func(body []byte) ([]byte, error)) mutant[conformance.StoreHarness] {
	return breaksStore("ConcurrentUse", fmt.Sprintf("%s %d", bug, n), func(_ *testing.T, s *store) {
		var gets atomic.Int64
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			if gets.Add(1)%n == 0 && err == nil {
				return flaw(body)
			}
			return body, err
		}
	})
}
