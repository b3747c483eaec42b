package groupcommit

import "sync/atomic"

// Ticket decides between the publisher and the caller of one item. An item is queued at first. The publisher takes it
// when its batch starts, and settles it when the outcome is known. The caller can withdraw it before it is taken, and
// abandon it after that. Each step happens at most once: of two goroutines that try, one gets true. The zero value is
// a queued item.
type Ticket struct{ state atomic.Int32 }

const (
	queued int32 = 0
	taken  int32 = 1 // the publisher is publishing it
	over   int32 = 2 // its outcome was reported, or its caller has left
)

// Take reports whether the publisher may publish the item, or fail it: the caller has not withdrawn it.
func (t *Ticket) Take() bool { return t.state.CompareAndSwap(queued, taken) }

// Settle reports whether the publisher may report the outcome: the item was taken and the caller still waits.
func (t *Ticket) Settle() bool { return t.state.CompareAndSwap(taken, over) }

// Withdraw reports whether the caller may leave because the item was not taken: it will not be published.
func (t *Ticket) Withdraw() bool { return t.state.CompareAndSwap(queued, over) }

// Abandon reports whether the caller may leave while the item is being published: its outcome is unknown. If
// Withdraw and Abandon both return false, the outcome was reported.
func (t *Ticket) Abandon() bool { return t.state.CompareAndSwap(taken, over) }

// Queued reports whether the item was neither taken nor withdrawn.
func (t *Ticket) Queued() bool { return t.state.Load() == queued }

// Reset makes the item a queued one, so that its memory can be reused.
func (t *Ticket) Reset() { t.state.Store(queued) }
