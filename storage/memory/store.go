// Package memory implements a store within one process: every node of the process shares one Store. It also keeps
// sessions of clients: see Sessions.
//
// # Delivery
//
// A store keeps at most Config.Bytes. When it is full, Put fails with ErrFull: it never makes room by removing
// a body that a node may still read. Expire makes room; the cluster calls it periodically. The number and size of the
// sessions have no limit: ExpireSessions removes those of clients that do not come back.
package memory

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var (
	_ storage.Sizer    = (*Store)(nil)
	_ storage.Retainer = (*Store)(nil)
	_ storage.Sessions = (*Store)(nil)
)

// ErrFull is returned by Put if there is no room for the body next to those that have not expired.
var ErrFull = errors.New("memory: the store is full")

// Config configures a Store. Its zero value is the default.
type Config struct {
	// Bytes limits the memory for all bodies: the sum of their sizes, and 128 bytes of overhead for each.
	// Default: 256 MiB.
	Bytes int
}

// overhead is the approximate memory in bytes that one body needs besides its content.
const overhead = 128

// Store keeps bodies in memory, and sessions of clients. Create it with NewStore and pass it to every node.
type Store struct {
	*Sessions
	capacity int

	mu     sync.Mutex // guards the fields below
	bodies map[string][]byte
	order  entries // the bodies
	used   int     // bytes
	last   uint64
}

// entry records when a body was put, or the time from which on it counts as put.
type entry struct {
	id string
	at time.Time
}

// entries is a heap: the oldest entry is the first.
type entries []entry

func (e entries) Len() int           { return len(e) }
func (e entries) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e entries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *entries) Push(x any)        { *e = append(*e, x.(entry)) }
func (e *entries) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = entry{}
	*e = (*e)[:last]
	return x
}

// NewStore returns an empty store with the default configuration.
func NewStore() *Store { return NewStoreWithConfig(Config{}) }

// NewStoreWithConfig returns an empty store with the given configuration.
func NewStoreWithConfig(config Config) *Store {
	if config.Bytes <= 0 {
		config.Bytes = 256 << 20
	}
	return &Store{Sessions: NewSessions(), capacity: config.Bytes, bodies: make(map[string][]byte)}
}

// Put keeps a copy of body. The ids are the decimal numbers from 1 on.
func (s *Store) Put(ctx context.Context, body []byte) (string, error) {
	ids, err := s.PutFor(ctx, [][]byte{body}, 0)
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

// PutFor keeps copies of bodies, all or none. Expire counts their age from when the given time has passed.
func (s *Store) PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	size := 0
	copies := make([][]byte, len(bodies))
	for i, body := range bodies {
		copies[i] = append([]byte{}, body...) // never nil: nil means that there is no body
		size += len(body) + overhead
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if size > s.capacity-s.used {
		return nil, ErrFull
	}
	s.used += size
	at := time.Now().Add(max(keep, 0))
	ids := make([]string, len(copies))
	for i, body := range copies {
		s.last++
		ids[i] = strconv.FormatUint(s.last, 10)
		s.bodies[ids[i]] = body
		heap.Push(&s.order, entry{id: ids[i], at: at})
	}
	return ids, nil
}

// Get returns a copy of the body of id.
func (s *Store) Get(ctx context.Context, id string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	body, ok := s.bodies[id]
	s.mu.Unlock()
	if !ok {
		return nil, storage.ErrNotFound
	}
	return bytes.Clone(body), nil // bodies are immutable, so the copy needs no lock
}

// GetUpTo returns copies of the bodies of ids that have at most limit bytes.
func (s *Store) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := make([]storage.Found, len(ids))
	s.mu.Lock()
	for i, id := range ids {
		body, ok := s.bodies[id]
		switch {
		case !ok:
			found[i].Size = storage.NotFound
		case len(body) > limit:
			found[i].Size = len(body)
		default:
			found[i] = storage.Found{Size: len(body), Body: body}
		}
	}
	s.mu.Unlock()
	for i := range found {
		if found[i].Body != nil {
			found[i].Body = append([]byte{}, found[i].Body...) // without the lock, as in Get
		}
	}
	return found, nil
}

// Expire removes the bodies that were put longer than age ago.
func (s *Store) Expire(ctx context.Context, age time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for len(s.order) > 0 && now.Sub(s.order[0].at) > age {
		id := heap.Pop(&s.order).(entry).id
		s.used -= len(s.bodies[id]) + overhead
		delete(s.bodies, id)
	}
	if cap(s.order) > 1024 && len(s.order) < cap(s.order)/4 {
		s.order = append(entries(nil), s.order...)
	}
	return nil
}

// Len returns the number of bodies in the store.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bodies)
}
