// Package acks keeps the functions that wait for a socket's acknowledgements.
package acks

import (
	"sync"

	"github.com/backplane-go/backplane/codec"
)

// Func is called once: with the client's acknowledgement, or with an error if there will be none. The goroutine
// that reads from the client calls it, so it must not block.
type Func = func(codec.Value, error)

// Table holds the functions that wait for acknowledgements, by acknowledgement id. The zero Table is empty. It
// is safe for concurrent use.
type Table struct {
	mu      sync.Mutex // guards the fields below
	waiting map[int64]Func
	closed  bool
}

// Add makes f wait for the acknowledgement with this id. It returns false if the table is closed.
func (t *Table) Add(id int64, f Func) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.waiting == nil {
		t.waiting = make(map[int64]Func, 1)
	}
	t.waiting[id] = f
	return true
}

// Remove removes the function that waits for the acknowledgement with this id, and returns it. It returns nil if
// there is none.
func (t *Table) Remove(id int64) Func {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.waiting[id]
	if f == nil {
		return nil
	}
	delete(t.waiting, id)
	if len(t.waiting) == 0 {
		t.waiting = nil
	}
	return f
}

// Close closes the table, and returns the functions that still wait.
func (t *Table) Close() []Func {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	var all []Func
	for _, f := range t.waiting {
		all = append(all, f)
	}
	t.waiting = nil
	return all
}
