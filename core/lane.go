package core

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
)

// lane hands the messages of one namespace on, one at a time, in the order in which they were queued. While it is empty it has
// no goroutine. A message that comes to an idle lane starts one, which ends when the queue is empty. Whether the lane is idle
// is decided under the lock that guards the queue, so there is never more than one.
type lane struct {
	ctx                context.Context // ends with the namespace: nothing is handled any more
	maxItems, maxBytes int
	group              *sync.WaitGroup // of the goroutines that Close waits for
	fetcher            *fetcher
	handle             func(*codec.Envelope)
	dropped            func(env *codec.Envelope, reason DropReason, err error)

	waiting atomic.Int64 // messages that were added and not handled yet
	bytes   atomic.Int64 // their size, as received

	mu      sync.Mutex // guards all below
	items   []item
	running bool // there is a goroutine
	closed  bool
}

// item is a message in a lane.
type item struct {
	env  *codec.Envelope
	size int // bytes, as received
}

// idleCapacity is how many items an idle lane keeps memory for.
const idleCapacity = 16

// offer queues a message of size bytes, or returns ErrQueueFull or ErrClosed. A single message may be larger than all the
// bytes allowed. It is called by goroutines that Close waits for.
func (l *lane) offer(env *codec.Envelope, size int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case l.waiting.Load() >= int64(l.maxItems) || l.bytes.Load()+int64(size) > int64(l.maxBytes) && l.waiting.Load() > 0:
		return ErrQueueFull
	}
	l.items = append(l.items, item{env, size})
	l.waiting.Add(1)
	l.bytes.Add(int64(size))
	if !l.running {
		l.running = true
		l.group.Add(1)
		go l.run(portion{})
	}
	return nil
}

// push is offer, but reports a message that it drops.
func (l *lane) push(env *codec.Envelope, size int) {
	if err := l.offer(env, size); err != nil {
		l.dropped(env, DropSlow, err)
	}
}

// run handles what is left of a portion, and then messages until there are none. If Local ends the goroutine, another one goes on
// with the next message.
func (l *lane) run(r portion) {
	ended := true
	defer func() {
		if ended {
			go l.run(r)
			return
		}
		l.group.Done()
	}()
	for {
		l.work(&r)
		if r = (portion{batch: l.take(r.batch)}); len(r.batch) == 0 {
			break
		}
	}
	ended = false
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
		l.running = false
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

// close refuses further messages.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}
