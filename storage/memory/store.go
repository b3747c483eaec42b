// Package memory implements a store within one process: every node of the process shares one Store.
//
// # Delivery
//
// A store keeps at most Config.Bytes. When it is full, Put fails with ErrFull: it never makes room by removing
// a body that a node may still read. Expire makes room; the cluster calls it periodically.
package memory

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var _ storage.Sizer = (*Store)(nil)

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

// Store keeps bodies in memory. Create it with NewStore and pass it to every node.
type Store struct {
	capacity int

	mu     sync.Mutex // guards the fields below
	bodies map[string][]byte
	order  []entry // the bodies, oldest first
	used   int     // bytes
	last   uint64
}

// entry records when a body was put.
type entry struct {
	id string
	at time.Time
}

// NewStore returns an empty store with the default configuration.
func NewStore() *Store { return NewStoreWithConfig(Config{}) }

// NewStoreWithConfig returns an empty store with the given configuration.
func NewStoreWithConfig(config Config) *Store {
	if config.Bytes <= 0 {
		config.Bytes = 256 << 20
	}
	return &Store{capacity: config.Bytes, bodies: make(map[string][]byte)}
}

// Put keeps a copy of body. The ids are the decimal numbers from 1 on.
func (s *Store) Put(ctx context.Context, body []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	body = append([]byte{}, body...) // never nil: nil means that there is no body
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(body)+overhead > s.capacity-s.used {
		return "", ErrFull
	}
	s.last++
	id := strconv.FormatUint(s.last, 10)
	s.bodies[id] = body
	s.order = append(s.order, entry{id: id, at: time.Now()})
	s.used += len(body) + overhead
	return id, nil
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
	n := 0
	for n < len(s.order) && now.Sub(s.order[n].at) > age {
		id := s.order[n].id
		s.used -= len(s.bodies[id]) + overhead
		delete(s.bodies, id)
		n++
	}
	s.order = append([]entry(nil), s.order[n:]...)
	return nil
}

// Len returns the number of bodies in the store.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bodies)
}
