package quota

import "sync/atomic"

const (
	// grain is how far an account may differ from the settled amount, so that counting a small queue costs
	// nothing.
	grain = 16 << 10
	// LeastShare is how many bytes every account may hold, however much is in use.
	LeastShare = 64 << 10
)

// Budget limits the memory of all queues together. It is safe for concurrent use.
type Budget struct {
	limit   int64
	used    atomic.Int64
	holders atomic.Int64 // accounts that hold something
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int) *Budget { return &Budget{limit: int64(limit)} }

// Used returns the number of bytes in use. Up to 16 KiB of each account are not counted.
func (b *Budget) Used() int64 { return b.used.Load() }

// Error returns the error for an account that holds too much.
func (b *Budget) Error() *Error { return &Error{Quota: Memory, Limit: int(b.limit)} }

// Account is the part of a Budget that one queue uses. The lock of the queue guards it. The zero Account holds
// nothing.
type Account struct{ settled int64 }

// Settle records that the queue now holds n bytes. It returns false if the budget is used up and n is more than
// the account's share. The share is the budget divided by the number of accounts that hold something, but at
// least LeastShare.
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
