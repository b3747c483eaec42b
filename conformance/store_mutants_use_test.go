package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
)

var expireMutants = []mutant[conformance.StoreHarness]{
	expiring("ExpireKeepsTheYoung", "removes all", func(time.Duration) time.Duration { return -1 }),
	expiring("ExpireKeepsTheYoung", "loses the upper half of the age", func(age time.Duration) time.Duration { return time.Duration(int32(age)) }),
	breaksStore("ExpireRemovesTheOld", "removes nothing", func(_ *testing.T, s *store) {
		s.expire = func(context.Context, time.Duration) error { return nil }
	}),
	expiring("ExpireGoesByAge", "takes the age for microseconds", func(age time.Duration) time.Duration { return age / 1000 }),
	expiring("ExpireGoesByAge", "knows whole seconds", func(age time.Duration) time.Duration {
		return (age + time.Second - 1).Truncate(time.Second)
	}),
	breaksStore("ExpireOfNothing", "takes nothing to do for a failure", func(_ *testing.T, s *store) {
		s.expire = func(ctx context.Context, age time.Duration) error {
			before := s.Len()
			s.Store.Expire(ctx, age)
			if s.Len() == before && before == 0 {
				return errors.New("no rows affected")
			}
			return nil
		}
	}),
}

var batchMutants = []mutant[conformance.StoreHarness]{
	breaksStore("PutAllIsPut", "returns the ids backwards", func(_ *testing.T, s *store) {
		s.putAll = func(ctx context.Context, bodies [][]byte) (ids []string, err error) {
			for _, body := range bodies {
				id, err := s.Store.Put(ctx, body)
				if err != nil {
					return nil, err
				}
				ids = append([]string{id}, ids...)
			}
			return ids, nil
		}
	}),
	breaksStore("PutAllIsPut", "fails without bodies", func(_ *testing.T, s *store) {
		s.putAll = func(context.Context, [][]byte) ([]string, error) { return nil, errors.New("syntax error at or near )") }
	}),
	breaksStore("PutAllKeepsCopies", "copies later", func(_ *testing.T, s *store) {
		var kept [][]byte
		s.putAll = func(_ context.Context, bodies [][]byte) (ids []string, err error) {
			kept = bodies
			for i := range bodies {
				ids = append(ids, strconv.Itoa(i))
			}
			return ids, nil
		}
		s.get = func(_ context.Context, id string) ([]byte, error) {
			i, _ := strconv.Atoi(id)
			return bytes.Clone(kept[i]), nil
		}
	}),
	breaksStore("GetAllIsGet", "returns what it finds, one after the other", func(_ *testing.T, s *store) {
		s.getAll = func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
			for _, id := range ids {
				if body, err := s.Store.Get(ctx, id); err == nil {
					bodies = append(bodies, body)
				}
			}
			return bodies, nil
		}
	}),
	breaksStore("GetAllIsGet", "fails as a whole", func(_ *testing.T, s *store) {
		s.getAll = func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
			for _, id := range ids {
				body, err := s.Store.Get(ctx, id)
				if err != nil {
					return nil, err
				}
				bodies = append(bodies, body)
			}
			return bodies, nil
		}
	}),
	breaksStore("GotBodiesBelongToCaller", "cuts the bodies from one piece", func(_ *testing.T, s *store) {
		s.getAll = func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
			piece := make([]byte, 0, 4096)
			for _, id := range ids {
				body, _ := s.Store.Get(ctx, id)
				start := len(piece)
				piece = append(piece, body...)
				bodies = append(bodies, piece[start:])
			}
			return bodies, nil
		}
	}),
	breaksStore("GotBodiesBelongToCaller", "returns the same body for the same id", func(_ *testing.T, s *store) {
		s.getAll = func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
			found := make(map[string][]byte)
			for _, id := range ids {
				if found[id] == nil {
					found[id], _ = s.Store.Get(ctx, id)
				}
				bodies = append(bodies, found[id])
			}
			return bodies, nil
		}
	}),
}

var storeUseMutants = []mutant[conformance.StoreHarness]{
	breaksStore("ConcurrentUse", "has one connection and does not wait for it", func(_ *testing.T, s *store) {
		var busy atomic.Int32
		s.put = func(ctx context.Context, body []byte) (string, error) {
			defer busy.Add(-1)
			if busy.Add(1) > 1 {
				return "", errors.New("conn busy")
			}
			time.Sleep(100 * time.Microsecond)
			return s.Store.Put(ctx, body)
		}
	}),
	breaksStore("ConcurrentUse", "returns the last id of whoever was last", func(_ *testing.T, s *store) {
		var mu sync.Mutex
		last := ""
		s.put = func(ctx context.Context, body []byte) (string, error) {
			id, err := s.Store.Put(ctx, body)
			mu.Lock()
			last = id
			mu.Unlock()
			time.Sleep(100 * time.Microsecond)
			mu.Lock()
			defer mu.Unlock()
			return last, err
		}
	}),
	breaksStore("EndedContextFailsFast", "puts whatever the context says", func(t *testing.T, s *store) {
		s.put = func(_ context.Context, body []byte) (string, error) { return s.Store.Put(t.Context(), body) }
	}),
	breaksStore("EndedContextFailsFast", "gets whatever the context says", func(t *testing.T, s *store) {
		s.get = func(_ context.Context, id string) ([]byte, error) { return s.Store.Get(t.Context(), id) }
	}),
	breaksStore("EndedContextFailsFast", "expires whatever the context says", func(t *testing.T, s *store) {
		s.expire = func(_ context.Context, age time.Duration) error { return s.Store.Expire(t.Context(), age) }
	}),
}

// expiring returns a mutant that changes the age.
func expiring(check, bug string, change func(time.Duration) time.Duration) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) {
		s.expire = func(ctx context.Context, age time.Duration) error { return s.Store.Expire(ctx, change(age)) }
	})
}
