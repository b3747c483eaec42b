package memory

// fifo is a queue whose elements can be read by index. It frees the memory of elements that were removed.
type fifo[T any] struct {
	items []T
	start int // items before it were removed
}

func (q *fifo[T]) len() int { return len(q.items) - q.start }

func (q *fifo[T]) at(i int) *T { return &q.items[q.start+i] }

func (q *fifo[T]) push(item T) { q.items = append(q.items, item) }

func (q *fifo[T]) pop() T {
	item := q.items[q.start]
	var zero T
	q.items[q.start] = zero
	q.start++
	if q.start >= 16 && 2*q.start >= len(q.items) { // copies no more elements than were removed
		q.items = append([]T(nil), q.items[q.start:]...)
		q.start = 0
	}
	return item
}
