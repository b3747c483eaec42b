package core

import "sync"

// queue is a bounded queue with one consumer, who takes all there is at once.
type queue[T any] struct {
	wake chan struct{} // capacity 1: there is something to take, or the queue was closed

	mu     sync.Mutex // guards all below
	room   capacity
	items  []T
	closed bool
	halted error // why items are refused for now
}

func newQueue[T any](maxItems, maxBytes int) *queue[T] {
	return &queue[T]{room: capacity{maxItems: maxItems, maxBytes: maxBytes}, wake: make(chan struct{}, 1)}
}

// offer adds the item, or returns an error, or, when it may wait, a channel that is closed once it is worth another try.
func (q *queue[T]) offer(item T, size int, wait bool) (space <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refusal(); err != nil {
		return nil, err
	}
	if space, err := q.room.enter(size, wait); space != nil || err != nil {
		return space, err
	}
	q.append(item)
	return nil, nil
}

// add adds an item that was admitted before, whether there is room or not.
func (q *queue[T]) add(item T, size int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refusal(); err != nil {
		return err
	}
	q.room.force(size)
	q.append(item)
	return nil
}

// refuses returns why items are refused, nil if they are not.
func (q *queue[T]) refuses() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.refusal()
}

// refusal is refuses for who holds mu.
func (q *queue[T]) refusal() error {
	if q.closed {
		return ErrClosed
	}
	return q.halted
}

// append adds an item. The caller holds mu.
func (q *queue[T]) append(item T) {
	q.items = append(q.items, item)
	if len(q.items) == 1 {
		q.signal()
	}
}

// crowded reports whether the queue is nearly full.
func (q *queue[T]) crowded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.room.crowded()
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
			items, q.items = q.items, free[:0]
			q.room.empty()
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
	q.items, q.halted = nil, err
	q.room.empty()
	return items
}

func (q *queue[T]) resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.halted = nil
}

// close refuses further items. The consumer still gets what is left.
func (q *queue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.room.free()
	q.signal()
}
