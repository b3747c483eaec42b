package conformance_test

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

// hookStore is a correct store in memory with hooks that change its ids and ages.
type hookStore struct {
	mu     sync.Mutex
	bodies map[string]*storedBody
	puts   int

	nameBody  func(hs *hookStore, n int, body []byte) string             // returns the id of the n-th body
	resolveID func(hs *hookStore, id string) string                      // returns the id that an id is treated as
	onRead    func(hs *hookStore, k *storedBody, now time.Time)          // called when a body is read
	onPut     func(hs *hookStore, k *storedBody, now time.Time)          // called when a body has been put
	isGone    func(k *storedBody, now time.Time) bool                    // the body expires by itself
	onExpire  func(hs *hookStore, now time.Time, age time.Duration) bool // called in place of Expire
}

// storedBody is a body and its times.
type storedBody struct {
	id            string
	body          []byte
	number        int
	put, agedFrom time.Time
}

func newHookStore(change func(hs *hookStore)) *hookStore {
	hs := &hookStore{bodies: make(map[string]*storedBody)}
	hs.nameBody = func(_ *hookStore, n int, _ []byte) string { return strconv.Itoa(n) }
	change(hs)
	return hs
}

// breaksHookStore returns a mutant whose stores share a hookStore.
func breaksHookStore(check, bug string, change func(hs *hookStore)) mutant[conformance.StoreHarness] {
	return mutant[conformance.StoreHarness]{check, bug, func(*testing.T) conformance.StoreHarness {
		return storeHarnessOn(newHookStore(change), func(*store) {})
	}}
}

func (hs *hookStore) Put(ctx context.Context, body []byte) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.puts++
	now := time.Now()
	k := &storedBody{id: hs.nameBody(hs, hs.puts, body), body: append([]byte{}, body...), number: hs.puts, put: now,
		agedFrom: now}
	hs.bodies[k.id] = k
	if hs.onPut != nil {
		hs.onPut(hs, k, now)
	}
	return k.id, nil
}

// PutFor implements storage.Retainer: the life of a body begins when the time has passed.
func (hs *hookStore) PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) (ids []string, err error) {
	for _, body := range bodies {
		id, err := hs.Put(ctx, body)
		if err != nil {
			return nil, err
		}
		hs.mu.Lock()
		k := hs.bodies[id]
		k.agedFrom = k.agedFrom.Add(keep)
		hs.mu.Unlock()
		ids = append(ids, id)
	}
	return ids, ctx.Err()
}

// lookUp returns nil if there is no body.
func (hs *hookStore) lookUp(id string) *storedBody {
	if hs.resolveID != nil {
		id = hs.resolveID(hs, id)
	}
	k, now := hs.bodies[id], time.Now()
	if k == nil || hs.isGone != nil && hs.isGone(k, now) {
		return nil
	}
	if hs.onRead != nil {
		hs.onRead(hs, k, now)
	}
	return k
}

func (hs *hookStore) Get(ctx context.Context, id string) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if k := hs.lookUp(id); k != nil {
		return bytes.Clone(k.body), nil
	}
	return nil, storage.ErrNotFound
}

func (hs *hookStore) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	found := make([]storage.Found, len(ids))
	for i, id := range ids {
		found[i].Size = storage.NotFound
		if k := hs.lookUp(id); k != nil {
			found[i].Size = len(k.body)
			if len(k.body) <= limit {
				found[i].Body = bytes.Clone(k.body)
			}
		}
	}
	return found, nil
}

func (hs *hookStore) Expire(ctx context.Context, age time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	now := time.Now()
	if hs.onExpire != nil && hs.onExpire(hs, now, age) {
		return nil
	}
	for id, k := range hs.bodies {
		if now.Sub(k.agedFrom) > age {
			delete(hs.bodies, id)
		}
	}
	return nil
}
