package retention

// fifo is a queue in a slice.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) len() int  { return len(q.items) - q.head }
func (q *fifo[T]) all() []T  { return q.items[q.head:] }
func (q *fifo[T]) front() *T { return &q.items[q.head] }
func (q *fifo[T]) push(v T)  { q.items = append(q.items, v) }

func (q *fifo[T]) pop() T {
	v := q.items[q.head]
	var zero T
	q.items[q.head] = zero
	if q.head++; q.head*2 > len(q.items) {
		q.items = append(q.items[:0:0], q.items[q.head:]...)
		q.head = 0
	}
	return v
}

// keep removes the items for which ok returns false.
func (q *fifo[T]) keep(ok func(T) bool) {
	var kept []T
	for _, v := range q.all() {
		if ok(v) {
			kept = append(kept, v)
		}
	}
	q.items, q.head = kept, 0
}
