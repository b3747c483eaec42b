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

// shelf is a good store whose ids and ages can be made to be wrong.
type shelf struct {
	mu     sync.Mutex
	bodies map[string]*kept
	puts   int

	name    func(sh *shelf, n int, body []byte) string             // of the nth body
	find    func(sh *shelf, id string) string                      // the name that an id is taken for
	read    func(sh *shelf, k *kept, now time.Time)                // when one is read
	put     func(sh *shelf, k *kept, now time.Time)                // when one was put
	gone    func(k *kept, now time.Time) bool                      // without Expire
	expires func(sh *shelf, now time.Time, age time.Duration) bool // in place of Expire
}

// kept is a body and its times.
type kept struct {
	id       string
	body     []byte
	n        int
	put, aux time.Time
}

func newShelf(change func(sh *shelf)) *shelf {
	sh := &shelf{bodies: make(map[string]*kept)}
	sh.name = func(_ *shelf, n int, _ []byte) string { return strconv.Itoa(n) }
	change(sh)
	return sh
}

// shelved returns a mutant whose stores share a shelf.
func shelved(check, bug string, change func(sh *shelf)) mutant[conformance.StoreHarness] {
	return mutant[conformance.StoreHarness]{check, bug, func(*testing.T) conformance.StoreHarness {
		return storeHarnessOn(newShelf(change), func(*store) {})
	}}
}

func (sh *shelf) Put(ctx context.Context, body []byte) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.puts++
	now := time.Now()
	k := &kept{id: sh.name(sh, sh.puts, body), body: append([]byte{}, body...), n: sh.puts, put: now, aux: now}
	sh.bodies[k.id] = k
	if sh.put != nil {
		sh.put(sh, k, now)
	}
	return k.id, nil
}

// look returns nil if there is no body.
func (sh *shelf) look(id string) *kept {
	if sh.find != nil {
		id = sh.find(sh, id)
	}
	k, now := sh.bodies[id], time.Now()
	if k == nil || sh.gone != nil && sh.gone(k, now) {
		return nil
	}
	if sh.read != nil {
		sh.read(sh, k, now)
	}
	return k
}

func (sh *shelf) Get(ctx context.Context, id string) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if k := sh.look(id); k != nil {
		return bytes.Clone(k.body), nil
	}
	return nil, storage.ErrNotFound
}

func (sh *shelf) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	found := make([]storage.Found, len(ids))
	for i, id := range ids {
		found[i].Size = storage.NotFound
		if k := sh.look(id); k != nil {
			found[i].Size = len(k.body)
			if len(k.body) <= limit {
				found[i].Body = bytes.Clone(k.body)
			}
		}
	}
	return found, nil
}

func (sh *shelf) Expire(ctx context.Context, age time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := time.Now()
	if sh.expires != nil && sh.expires(sh, now, age) {
		return nil
	}
	for id, k := range sh.bodies {
		if now.Sub(k.aux) > age {
			delete(sh.bodies, id)
		}
	}
	return nil
}
