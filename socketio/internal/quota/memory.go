package quota

import "sync/atomic"

const (
	// grain is how much an account may differ from what was settled, so that small queues cost nothing to count.
	grain = 16 << 10
	// LeastShare is what every account may hold however much is used.
	LeastShare = 64 << 10
)

// Budget is the memory of all queues together. It is safe for concurrent use.
type Budget struct {
	limit   int64
	used    atomic.Int64
	holders atomic.Int64 // accounts that hold some
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int) *Budget { return &Budget{limit: int64(limit)} }

// Used returns the bytes that are held, but for up to 16 KiB of each account.
func (b *Budget) Used() int64 { return b.used.Load() }

// Error is the error of who holds too much.
func (b *Budget) Error() *Error { return &Error{Quota: Memory, Limit: int(b.limit)} }

// Account is what one queue holds of a Budget. Its owner guards it. The zero value holds nothing.
type Account struct{ settled int64 }

// Settle notes that the queue holds n bytes now. It is false when the budget is used up, and n more than the account's
// share: all of it divided by those that hold some, but at least LeastShare.
func (a *Account) Settle(b *Budget, n int) bool {
	if d := int64(n) - a.settled; d >= grain || d <= -grain || n == 0 && d != 0 {
		switch {
		case a.settled == 0:
			b.holders.Add(1)
		case n == 0:
			b.holders.Add(-1)
		}
		a.settled = int64(n)
		b.used.Add(d)
	}
	return n <= LeastShare || b.limit <= 0 || b.used.Load() <= b.limit || int64(n) <= b.limit/max(b.holders.Load(), 1)
}
