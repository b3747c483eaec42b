package core

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
)

// lane hands the messages of one namespace on, one at a time, in the order in which they were pushed. It has no goroutine
// while it is empty. A push to an idle lane makes somebody drain it: a new goroutine, or the caller. Whether the lane is idle
// is decided under the lock that guards the queue, so there is never more than one who drains.
type lane struct {
	ctx                context.Context // ends with the namespace: nothing is handled any more
	maxItems, maxBytes int
	group              *sync.WaitGroup // of the goroutines that Close waits for
	fetcher            *fetcher
	handle             func(*codec.Envelope)
	dropped            func(env *codec.Envelope, reason DropReason, err error)
	handy              handy // whether the receiver may drain the lane itself

	waiting atomic.Int64 // messages that were added and not handled yet
	bytes   atomic.Int64 // their size, as received

	mu       sync.Mutex // guards all below
	items    []item
	draining bool // somebody drains, or is about to
	closed   bool
}

// item is a message in a lane.
type item struct {
	env  *codec.Envelope
	size int // bytes, as received
}

// idleCapacity is how many items an idle lane keeps memory for.
const idleCapacity = 16

// add queues a message of size bytes, or returns ErrQueueFull or ErrClosed. A single message may be larger than all the
// bytes allowed. If the lane was idle, the caller has to see to it that it is drained.
func (l *lane) add(env *codec.Envelope, size int) (wasIdle bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return false, ErrClosed
	case l.waiting.Load() >= int64(l.maxItems) || l.bytes.Load()+int64(size) > int64(l.maxBytes) && l.waiting.Load() > 0:
		return false, ErrQueueFull
	}
	l.items = append(l.items, item{env, size})
	l.waiting.Add(1)
	l.bytes.Add(int64(size))
	wasIdle = !l.draining
	l.draining = true
	return wasIdle, nil
}

// take returns all there is. If there is nothing, the lane is idle from now on. The slice that the call before returned,
// passed back as free, is used again.
func (l *lane) take(free []item) []item {
	clear(free)
	l.mu.Lock()
	defer l.mu.Unlock()
	items := l.items
	l.items = free[:0]
	if len(items) == 0 {
		l.draining = false
		if cap(l.items) > idleCapacity {
			l.items = nil
		}
	}
	return items
}

// done lets a message go that was handled or dropped.
func (l *lane) done(i *item) {
	l.waiting.Add(-1)
	l.bytes.Add(-int64(i.size))
	*i = item{}
}

// offer queues a message, which a goroutine will handle, or returns why not. It is called by the receiver only, while Close
// waits for it.
func (l *lane) offer(env *codec.Envelope, size int) error {
	wasIdle, err := l.add(env, size)
	if wasIdle {
		l.group.Add(1)
		go l.run()
	}
	return err
}

// push is offer, but reports a message that it drops.
func (l *lane) push(env *codec.Envelope, size int) {
	if err := l.offer(env, size); err != nil {
		l.dropped(env, DropSlow, err)
	}
}

// pushAlone is push for a message that came alone. When it returns true, the caller has to drain the lane: that is quicker
// than to start a goroutine.
func (l *lane) pushAlone(env *codec.Envelope, size int) (drain bool) {
	if env.AttachmentID != "" || !l.handy.due() {
		l.push(env, size)
		return false
	}
	wasIdle, err := l.add(env, size)
	if err != nil {
		l.dropped(env, DropSlow, err)
	}
	return wasIdle
}

func (l *lane) run() {
	defer l.group.Done()
	l.drain()
}

// drain handles messages until there are none.
func (l *lane) drain() {
	var batch []item
	for {
		if batch = l.take(batch); len(batch) == 0 {
			return
		}
		l.work(batch)
	}
}

// close refuses further messages.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}
