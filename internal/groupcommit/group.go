package groupcommit

import (
	"runtime"
	"sync"
	"time"
)

// Publisher publishes the batches of a Group. All methods but Stuck are called by one goroutine at a time.
type Publisher[T any] interface {
	// Take returns the items of batch that are still to be published. It may reuse batch's memory.
	Take(batch []T) []T
	// Publish publishes a batch, which is not empty, from start on. If it takes longer than Config.Limit, Stuck is
	// called.
	Publish(batch []T, start time.Time)
	// Settle reports the outcomes of batch to the waiting callers, after Publish has returned.
	Settle(batch []T)
	// Stuck is called when a call of Publish has taken longer than Config.Limit. batch and start are the
	// arguments of that call. queued holds the items that were waiting behind it, which the Group has removed
	// from the queue. The Group holds its lock during Stuck, so Settle is not called for batch before Stuck has
	// returned, and Stuck must not call the Group. If Stuck returns a function, the Group calls it without the
	// lock.
	Stuck(batch, queued []T, start time.Time) (unlocked func())
}

// Config configures a Group.
type Config[T any] struct {
	Publisher Publisher[T]
	Capacity  Capacity // of the queue
	// Split returns how many items of batch, at least one, are published together. Nil: all of them.
	Split func(batch []T) int
	// Limit is how long Publish may take before the Group counts as stuck. It then refuses items until Publish
	// returns, because publishing them without waiting for it would change their order.
	Limit time.Duration
	// Spawn starts a goroutine.
	Spawn func(func())
	// Stay keeps the goroutine waiting for the next item when nothing is queued, until Close. Waking it is
	// faster than starting a new one. Without Stay the Group needs no Close.
	Stay bool
	// Full, Closed and Stuck are the errors for an item that the Group refuses.
	Full, Closed, Stuck error
}

// Group is a queue and the goroutine that publishes the queued items. The first item starts the goroutine. It
// ends when nothing is queued or, with Config.Stay, after Close. A Group is safe for concurrent use.
type Group[T any] struct {
	config   Config[T]
	watchdog *time.Timer   // calls overdue; it runs while a batch is being published
	done     chan struct{} // see Done
	wake     chan struct{} // capacity 1: the goroutine that waits in next has something to do

	mu      sync.Mutex // guards all below
	room    Capacity
	items   []T
	running bool // there is a goroutine
	closed  bool
	stuck   bool
	flight  []T       // the batch that is being published, nil when there is none
	start   time.Time // when Publish was called with it
	since   time.Time // when the items that the goroutine has were taken from the queue, zero when it has none
}

// New returns a Group.
func New[T any](config Config[T]) *Group[T] {
	g := &Group[T]{config: config, room: config.Capacity, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	g.watchdog = time.AfterFunc(time.Hour, g.overdue)
	g.watchdog.Stop()
	return g
}

// Offer queues an item of size bytes. If the queue is full, Offer returns Config.Full or, if wait is true, a
// channel that is closed when the caller should try again.
func (g *Group[T]) Offer(item T, size int, wait bool) (space <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.refusal(); err != nil {
		return nil, err
	}
	if !g.room.Enter(size) {
		if wait {
			return g.room.Space(), nil
		}
		return nil, g.config.Full
	}
	g.append(item)
	return nil, nil
}

// Add queues an item, even if the queue is full.
func (g *Group[T]) Add(item T, size int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.refusal(); err != nil {
		return err
	}
	g.room.Force(size)
	g.append(item)
	return nil
}

// Refusal returns the error with which the Group would refuse an item now, or nil.
func (g *Group[T]) Refusal() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refusal()
}

func (g *Group[T]) refusal() error {
	switch {
	case g.closed:
		return g.config.Closed
	case g.stuck:
		return g.config.Stuck
	}
	return nil
}

func (g *Group[T]) append(item T) {
	g.items = append(g.items, item)
	switch {
	case !g.running:
		g.running = true
		g.config.Spawn(g.publishLoop)
	case len(g.items) == 1:
		g.signal()
	}
}

func (g *Group[T]) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// Crowded reports whether the queue is nearly full.
func (g *Group[T]) Crowded() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.room.Crowded()
}

// Waiting returns the number and the total size of the queued items, and since when the goroutine has been publishing
// the items before them. since is zero if it publishes none.
func (g *Group[T]) Waiting() (items, bytes int, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.room.Items(), g.room.Bytes(), g.since
}

// Close makes the Group refuse further items. Items in the queue are still published.
func (g *Group[T]) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	g.room.Wake()
	g.signal()
	if !g.running {
		close(g.done)
	}
}

// Done returns a channel that is closed when the Group is closed and everything that was queued is settled.
func (g *Group[T]) Done() <-chan struct{} { return g.done }

// publishLoop publishes what is queued, batch by batch.
func (g *Group[T]) publishLoop() {
	var batch []T
	for {
		// Let the callers that have just received an outcome add their next item to this batch.
		runtime.Gosched()
		if batch = g.next(batch); len(batch) == 0 {
			return
		}
		for rest := batch; len(rest) > 0; {
			n := len(rest)
			if g.config.Split != nil {
				n = g.config.Split(rest)
			}
			g.publish(rest[:n:n])
			rest = rest[n:]
		}
	}
}

// next returns all queued items. It reuses the memory of free, the result of the previous call, for later
// items. If it returns no items, the goroutine must end.
func (g *Group[T]) next(free []T) []T {
	clear(free)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since = time.Time{}
	for g.config.Stay && len(g.items) == 0 && !g.closed {
		g.mu.Unlock()
		<-g.wake
		g.mu.Lock()
	}
	items := g.items
	if len(items) > 0 {
		g.items = free[:0]
		g.room.Empty()
		return items
	}
	g.running, g.items = false, nil
	if g.closed {
		close(g.done)
	}
	return nil
}

func (g *Group[T]) publish(batch []T) {
	batch = g.config.Publisher.Take(batch)
	if len(batch) == 0 {
		return
	}
	start := time.Now()
	g.mu.Lock()
	g.flight, g.start = batch, start
	if g.since.IsZero() {
		g.since = start
	}
	g.mu.Unlock()
	g.watchdog.Reset(g.config.Limit)
	g.config.Publisher.Publish(batch, start)
	g.watchdog.Stop()
	g.mu.Lock()
	g.flight, g.stuck = nil, false
	g.mu.Unlock()
	g.config.Publisher.Settle(batch)
}

// overdue is called by the watchdog. A timer that fires late may find another batch than the one it was set for.
func (g *Group[T]) overdue() {
	g.mu.Lock()
	if g.flight == nil || time.Since(g.start) < g.config.Limit {
		g.mu.Unlock()
		return
	}
	queued := g.items
	g.items, g.stuck = nil, true
	g.room.Empty()
	unlocked := g.config.Publisher.Stuck(g.flight, queued, g.start)
	g.mu.Unlock()
	if unlocked != nil {
		unlocked()
	}
}
