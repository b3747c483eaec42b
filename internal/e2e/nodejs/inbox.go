package nodejs

import (
	"context"
	"fmt"
	"sync"
)

// Inbox is an unbounded queue that tests wait on. The zero value is an empty queue. It is safe for concurrent use.
type Inbox[T any] struct {
	mu      sync.Mutex
	items   []T
	changed chan struct{} // closed by the next Put; nil if no goroutine waits
}

// Put appends v.
func (b *Inbox[T]) Put(v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, v)
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Next removes and returns the oldest item. It waits for one if the queue is empty.
func (b *Inbox[T]) Next(ctx context.Context) (T, error) {
	return b.Await(ctx, func(T) bool { return true })
}

// Await removes and returns the oldest item that matches, and waits for one if there is none. The other items keep
// their order.
func (b *Inbox[T]) Await(ctx context.Context, match func(T) bool) (T, error) {
	var none T
	for {
		b.mu.Lock()
		for i, v := range b.items {
			if match(v) {
				b.remove(i)
				b.mu.Unlock()
				return v, nil
			}
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed, waiting := b.changed, len(b.items)
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return none, fmt.Errorf("no matching item (%d others): %w", waiting, context.Cause(ctx))
		}
	}
}

// remove removes item i. It moves the items before it, because usually there are few. The caller holds mu.
func (b *Inbox[T]) remove(i int) {
	copy(b.items[1:i+1], b.items[:i])
	var none T
	b.items[0] = none
	b.items = b.items[1:]
}

// Take removes and returns all items.
func (b *Inbox[T]) Take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = nil
	return items
}
