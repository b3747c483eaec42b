package conformance

import (
	"context"
	"sync"
)

// inbox is an unbounded queue of received values, in order.
type inbox[T any] struct {
	mu      sync.Mutex // guards the following fields
	items   []T
	read    int
	changed chan struct{} // closed when a value arrives
}

func newInbox[T any]() *inbox[T] { return &inbox[T]{changed: make(chan struct{})} }

func (b *inbox[T]) put(v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, v)
	close(b.changed)
	b.changed = make(chan struct{})
}

// all returns all values that have arrived, including those that next has taken.
func (b *inbox[T]) all() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]T(nil), b.items...)
}

func (b *inbox[T]) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items)
}

// next takes the next value.
func (b *inbox[T]) next(ctx context.Context) (v T, err error) {
	for {
		b.mu.Lock()
		if b.read < len(b.items) {
			v = b.items[b.read]
			b.read++
			b.mu.Unlock()
			return v, nil
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// find returns the first value that has arrived or will arrive, and that is wanted. It takes nothing.
func (b *inbox[T]) find(ctx context.Context, wanted func(T) bool) (v T, err error) {
	for i := 0; ; {
		b.mu.Lock()
		items, changed := b.items, b.changed
		b.mu.Unlock()
		for ; i < len(items); i++ {
			if wanted(items[i]) {
				return items[i], nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// takeNext takes the next value of an inbox. It returns false if none arrives within the patience.
func takeNext[T any](c *clusterChecker, b *inbox[T]) (T, bool) {
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	v, err := b.next(ctx)
	return v, err == nil
}

// awaitMatch finds a value in an inbox, within the patience.
func awaitMatch[T any](c *clusterChecker, b *inbox[T], wanted func(T) bool) (T, error) {
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	return b.find(ctx, wanted)
}
