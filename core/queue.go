package core

import (
	"context"
	"sync"
)

// queue is a bounded queue with one consumer, who takes all there is at once.
type queue[T any] struct {
	maxItems, maxBytes int
	wake               chan struct{} // capacity 1: there is something to take, or the queue was closed

	mu     sync.Mutex // guards all below
	items  []T
	bytes  int
	space  chan struct{} // closed when items are taken; nil when nobody waits
	closed bool
	halted error // why items are refused for now
}

func newQueue[T any](maxItems, maxBytes int) *queue[T] {
	return &queue[T]{maxItems: maxItems, maxBytes: maxBytes, wake: make(chan struct{}, 1)}
}

// tryPush adds an item, or returns ErrQueueFull or ErrClosed. A single item may be larger than all the bytes allowed.
func (q *queue[T]) tryPush(item T, size int) error {
	_, err := q.offer(item, size, false)
	return err
}

// push adds an item as soon as there is room for it.
func (q *queue[T]) push(ctx context.Context, item T, size int) error {
	for {
		space, err := q.offer(item, size, true)
		if space == nil {
			return err
		}
		select {
		case <-space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// offer adds the item, or returns an error, or, when it may wait, a channel that is closed once it is worth another try.
func (q *queue[T]) offer(item T, size int, wait bool) (space <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrClosed
	}
	if q.halted != nil {
		return nil, q.halted
	}
	if full := len(q.items) >= q.maxItems || q.bytes+size > q.maxBytes && len(q.items) > 0; full {
		if !wait {
			return nil, ErrQueueFull
		}
		if q.space == nil {
			q.space = make(chan struct{})
		}
		return q.space, nil
	}
	q.items = append(q.items, item)
	q.bytes += size
	if len(q.items) == 1 {
		q.signal()
	}
	return nil, nil
}

// crowded reports whether the queue is nearly full.
func (q *queue[T]) crowded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) > q.maxItems/4*3 || q.bytes > q.maxBytes/4*3
}

func (q *queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits until there is something and returns all of it. The slice that the call before returned, passed back as free, is
// used again. ok is false once the queue is closed and empty.
func (q *queue[T]) take(free []T) (items []T, ok bool) {
	clear(free)
	for {
		q.mu.Lock()
		switch {
		case len(q.items) > 0:
			items, q.items, q.bytes = q.items, free[:0], 0
			q.free()
			q.mu.Unlock()
			return items, true
		case q.closed:
			q.mu.Unlock()
			return nil, false
		}
		q.mu.Unlock()
		<-q.wake
	}
}

// suspend returns what is queued, and refuses further items with err until resume is called.
func (q *queue[T]) suspend(err error) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items, q.bytes, q.halted = nil, 0, err
	q.free()
	return items
}

func (q *queue[T]) resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.halted = nil
}

// free tells those who wait that there may be room. The caller holds mu.
func (q *queue[T]) free() {
	if q.space != nil {
		close(q.space)
		q.space = nil
	}
}

// close refuses further items. The consumer still gets what is left.
func (q *queue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.free()
	q.signal()
}
