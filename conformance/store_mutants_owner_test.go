package conformance_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

// storeOwnerMutants share memory with their callers.
var storeOwnerMutants = []mutant[conformance.StoreHarness]{
	sharesMemory("PutKeepsACopy", "keeps the caller's body", 0, true),
	sharesMemory("PutKeepsACopy", "keeps the caller's body from 4 KiB on", 4096, true),
	sharesMemory("PutKeepsACopy", "keeps the caller's body from 64 KiB on", 1<<16, true),
	sharesMemory("PutKeepsACopy", "keeps the caller's body from 1 MiB on", 1<<20, true),
	sharesMemoryNth("PutKeepsACopy", "keeps the caller's body", 10, true),
	sharesMemoryNth("PutKeepsACopy", "keeps the caller's body", 100, true),
	sharesMemoryNth("PutKeepsACopy", "keeps the caller's body", 1000, true),
	breaksStore("PutKeepsACopy", "writes into the caller's body", func(_ *testing.T, s *store) {
		s.put = func(ctx context.Context, body []byte) (string, error) {
			id, err := s.Store.Put(ctx, body)
			for i := range body {
				body[i] ^= 0x5a // encrypted in place
			}
			return id, err
		}
	}),
	breaksStore("PutKeepsACopy", "copies the bodies of PutAll only later", func(_ *testing.T, s *store) {
		var kept [][]byte
		s.putAll = func(_ context.Context, bodies [][]byte) (ids []string, err error) {
			for range bodies {
				ids = append(ids, fmt.Sprint("kept ", len(ids)))
			}
			kept = bodies
			return ids, nil
		}
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			var i int
			if _, err := fmt.Sscanf(id, "kept %d", &i); err == nil {
				return bytes.Clone(kept[i]), nil
			}
			return s.Store.Get(ctx, id)
		}
	}),
	sharesMemory("ReturnedBodyBelongsToCaller", "returns its own body", 0, false),
	sharesMemory("ReturnedBodyBelongsToCaller", "returns its own body from 4 KiB on", 4096, false),
	sharesMemory("ReturnedBodyBelongsToCaller", "returns its own body from 1 MiB on", 1<<20, false),
	sharesMemoryNth("ReturnedBodyBelongsToCaller", "returns its own body", 10, false),
	sharesMemoryNth("ReturnedBodyBelongsToCaller", "returns its own body", 100, false),
	sharesMemoryNth("ReturnedBodyBelongsToCaller", "returns its own body", 1000, false),
	breaksStore("ReturnedBodyBelongsToCaller", "reads into one buffer", func(_ *testing.T, s *store) {
		buffer := make([]byte, 2<<20)
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			return buffer[:copy(buffer, body)], err
		}
	}),
	breaksStore("ReturnedBodyBelongsToCaller", "returns the bodies of GetAll in one buffer",
		func(_ *testing.T, s *store) {
			s.getAll = func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
				piece := make([]byte, 0, 4<<20)
				for _, id := range ids {
					body, _ := s.Store.Get(ctx, id)
					start := len(piece)
					piece = append(piece, body...)
					bodies = append(bodies, piece[start:])
				}
				return bodies, nil
			}
		}),
	breaksStore("ReturnedBodyBelongsToCaller", "returns the same body for the same id", func(_ *testing.T, s *store) {
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
	breaksStore("ReturnedBodyBelongsToCaller", "returns the bodies of GetUpTo in one buffer",
		func(_ *testing.T, s *store) {
			s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
				all, err := s.plainGetUpTo(ctx, ids, limit)
				piece := make([]byte, 0, 4<<20)
				for i := range all {
					start := len(piece)
					piece = append(piece, all[i].Body...)
					all[i].Body = piece[start:]
				}
				return all, err
			}
		}),
}

// sharesMemory returns a mutant that shares large bodies with the caller of Put, or with the caller of Get.
func sharesMemory(check, bug string, from int, putter bool) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) {
		shared := make(map[string][]byte)
		s.put = func(ctx context.Context, body []byte) (string, error) {
			id, err := s.Store.Put(ctx, body)
			if len(body) >= from && putter {
				shared[id] = body
			} else if len(body) >= from {
				shared[id] = bytes.Clone(body)
			}
			return id, err
		}
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			if body, ok := shared[id]; ok && putter {
				return bytes.Clone(body), nil
			} else if ok {
				return body, nil
			}
			return s.Store.Get(ctx, id)
		}
	})
}

// sharesMemoryNth is sharesMemory for every n-th Put or Get.
func sharesMemoryNth(check, bug string, n int, putter bool) mutant[conformance.StoreHarness] {
	return breaksStore(check, fmt.Sprintf("%s, one in %d", bug, n), func(_ *testing.T, s *store) {
		var mu sync.Mutex
		calls, shared := 0, make(map[string][]byte)
		s.put = func(ctx context.Context, body []byte) (string, error) {
			id, err := s.Store.Put(ctx, body)
			mu.Lock()
			defer mu.Unlock()
			if calls++; putter && calls%n == 0 {
				shared[id] = body
			}
			return id, err
		}
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			if kept, ok := shared[id]; ok {
				return bytes.Clone(kept), nil
			}
			if calls++; !putter && calls%n == 0 {
				shared[id] = body
			}
			return body, err
		}
	})
}
