package conformance_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

// storeEvictMutants remove the oldest body to make room for another.
func storeEvictMutants() (all []mutant[conformance.StoreHarness]) {
	for _, most := range []int{1, 100, 1000, 5000, 10_000} {
		all = append(all, breaksHookStore("ExpireKeepsYoungBodies", fmt.Sprintf("keeps the last %d bodies", most),
			func(hs *hookStore) {
				hs.onPut = func(hs *hookStore, k *storedBody, _ time.Time) {
					delete(hs.bodies, strconv.Itoa(k.number-most))
				}
			}))
	}
	var large []mutant[conformance.StoreHarness]
	for _, most := range []int{1 << 20, 1 << 26, 100_000_000} {
		large = append(large, breaksHookStore("BodiesOfAnySize", fmt.Sprintf("keeps the last %d bytes", most),
			func(hs *hookStore) {
				hs.onPut = func(hs *hookStore, _ *storedBody, _ time.Time) {
					for n, bytes := hs.puts, 0; n > 0; n-- {
						id := strconv.Itoa(n)
						if k := hs.bodies[id]; k != nil {
							if bytes += len(k.body); bytes > most {
								delete(hs.bodies, id)
							}
						}
					}
				}
			}))
	}
	return append(all, limitConcurrency(large)...)
}

// cached returns a mutant with a cache for one of the ways to get bodies, which Expire does not clear.
func cached(method string, from int) mutant[conformance.StoreHarness] {
	bug := fmt.Sprintf("serves bodies of %d bytes or more from a cache of %s", from, method)
	return breaksStore("ExpireRemovesOldBodies", bug, func(_ *testing.T, s *store) {
		cache := make(map[string][]byte)
		get := func(ctx context.Context, ids []string) ([][]byte, error) {
			bodies, err := s.plainGetAll(ctx, ids)
			for i, body := range bodies {
				if body != nil && len(body) >= from {
					cache[ids[i]] = body
				} else if body == nil {
					bodies[i] = cache[ids[i]]
				}
			}
			return bodies, err
		}
		switch method {
		case "Get":
			s.get = func(ctx context.Context, id string) ([]byte, error) {
				bodies, err := get(ctx, []string{id})
				if err == nil && bodies[0] == nil {
					err = storage.ErrNotFound
				}
				if err != nil {
					return nil, err
				}
				return bodies[0], nil
			}
		case "GetAll":
			s.getAll = get
		case "GetUpTo":
			s.getUpTo = func(ctx context.Context, ids []string, _ int) (found []storage.Found, err error) {
				bodies, err := get(ctx, ids)
				for _, body := range bodies {
					f := storage.Found{Size: len(body), Body: body}
					if body == nil {
						f.Size = storage.NotFound
					}
					found = append(found, f)
				}
				return found, err
			}
		}
	})
}

// perStoreExpire returns a mutant whose stores expire only what they have put themselves.
func perStoreExpire() mutant[conformance.StoreHarness] {
	return mutant[conformance.StoreHarness]{"ExpireRemovesOldBodies", "removes only what this store has put",
		func(*testing.T) conformance.StoreHarness {
			all := make(map[string]storage.Store)
			return storeHarness(func(s *store) {
				own := memory.NewStore()
				s.put = func(ctx context.Context, body []byte) (string, error) {
					id, err := own.Put(ctx, body)
					id = fmt.Sprintf("%p-%s", own, id)
					all[id] = own
					return id, err
				}
				s.expire = own.Expire
				s.get = func(ctx context.Context, id string) ([]byte, error) {
					if all[id] == nil {
						return nil, storage.ErrNotFound
					}
					return all[id].Get(ctx, id[len(fmt.Sprintf("%p-", all[id])):])
				}
				s.getAll = func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
					for _, id := range ids {
						body, _ := s.get(ctx, id)
						bodies = append(bodies, body)
					}
					return bodies, nil
				}
				s.putAll = func(ctx context.Context, bodies [][]byte) (ids []string, err error) {
					for _, body := range bodies {
						id, _ := s.put(ctx, body)
						ids = append(ids, id)
					}
					return ids, nil
				}
				s.getUpTo = func(ctx context.Context, ids []string, _ int) (found []storage.Found, err error) {
					for _, id := range ids {
						body, err := s.get(ctx, id)
						f := storage.Found{Size: len(body), Body: body}
						if err != nil {
							f = storage.Found{Size: storage.NotFound}
						}
						found = append(found, f)
					}
					return found, nil
				}
			})
		}}
}

// namesPerStore returns a mutant whose stores choose ids independently.
func namesPerStore(check, bug string, name func(store, n int) string) mutant[conformance.StoreHarness] {
	return mutant[conformance.StoreHarness]{check, bug, func(*testing.T) conformance.StoreHarness {
		stores, inner := 0, make(map[string]string)
		return storeHarnessOn(memory.NewStore(), func(s *store) {
			stores++
			number, n := stores, 0
			s.put = func(ctx context.Context, body []byte) (string, error) {
				id, err := s.Store.Put(ctx, body)
				n++
				inner[name(number, n)] = id
				return name(number, n), err
			}
			s.get = func(ctx context.Context, id string) ([]byte, error) { return s.Store.Get(ctx, inner[id]) }
		})
	}}
}
