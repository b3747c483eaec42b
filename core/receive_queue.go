package core

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// receiveQueue passes on the messages of one namespace one at a time, in the order in which they were queued. While
// it is empty it has no goroutine: a message that finds the queue idle starts one, which ends when the queue is
// empty. The lock that guards the queue decides whether it is idle, so there is never more than one goroutine.
type receiveQueue struct {
	ctx                context.Context // ends with the namespace; nothing is handled after that
	maxItems, maxBytes int
	group              *sync.WaitGroup // of the goroutines that Close waits for
	reader             *attachmentReader
	handle             func(env *codec.Envelope, at Position)
	dropped            func(env *codec.Envelope, reason DropReason, err error)

	waiting atomic.Int64 // messages that were queued and not handled yet
	bytes   atomic.Int64 // their size, as received
	// oldest is when the first message of the batch that is being handled arrived, as in item, 0 if nothing is handled.
	oldest atomic.Int64

	crowded atomic.Bool   // a goroutine waits for room
	room    chan struct{} // capacity 1: there may be room again

	mu      sync.Mutex // guards all below
	items   []item
	running bool // there is a goroutine
	closed  bool
}

// item is a message in a receiveQueue, or something to do between two messages.
type item struct {
	env  *codec.Envelope
	size int           // bytes, as received
	at   *Position     // in the log; nil if the message is not kept
	when time.Duration // when it arrived, since Cluster.began; 0 if it is unknown
	do   func()        // if not nil, it is called, and env is empty
}

// idleItems is for how many items an idle queue keeps memory.
const idleItems = 16

// offer queues a message of size bytes, or returns ErrQueueFull or ErrClosed. A single message may be larger than all
// the bytes allowed. Only goroutines that Close waits for call offer.
func (q *receiveQueue) offer(i item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case !q.hasRoom(i.size):
		return ErrQueueFull
	}
	q.add(i)
	return nil
}

// hasRoom reports whether a message of size bytes may be queued.
func (q *receiveQueue) hasRoom(size int) bool {
	waiting := q.waiting.Load()
	return waiting == 0 || waiting < int64(q.maxItems) && q.bytes.Load()+int64(size) <= int64(q.maxBytes)
}

// add queues an item. The caller holds mu.
func (q *receiveQueue) add(i item) {
	q.items = append(q.items, i)
	q.waiting.Add(1)
	q.bytes.Add(int64(i.size))
	if !q.running {
		q.running = true
		q.group.Add(1)
		go q.deliverLoop(receivedBatch{})
	}
}

// offerWhenFree is offer, but waits until there is room. Only one goroutine at a time calls it.
func (q *receiveQueue) offerWhenFree(i item) error {
	for {
		err := q.offer(i)
		if !errors.Is(err, ErrQueueFull) {
			return err
		}
		q.crowded.Store(true)
		if q.hasRoom(i.size) { // since before crowded was set
			continue
		}
		select {
		case <-q.room:
		case <-q.ctx.Done():
			return ErrClosed
		}
	}
}

// do queues something to do, even if the queue is full. It is not done after Close.
func (q *receiveQueue) do(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.add(item{env: &codec.Envelope{}, do: f})
	}
}

// push queues a message, or drops and reports it.
func (q *receiveQueue) push(env *codec.Envelope, size int, when time.Duration) {
	if err := q.offer(item{env: env, size: size, when: when}); err != nil {
		q.dropped(env, DropSlow, err)
	}
}

// deliverLoop handles the rest of a batch, and then messages until there are none. If LocalSockets ends the
// goroutine, another one continues with the next message.
func (q *receiveQueue) deliverLoop(b receivedBatch) {
	ended := true
	defer func() {
		if ended {
			go q.deliverLoop(b)
			return
		}
		q.group.Done()
	}()
	for {
		q.deliver(&b)
		if b = (receivedBatch{items: q.take(b.items)}); len(b.items) == 0 {
			break
		}
	}
	ended = false
}

// take returns all queued items. If there are none, the queue is idle from now on. free is what the call before
// returned: its memory is reused.
func (q *receiveQueue) take(free []item) []item {
	clear(free)
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = free[:0]
	q.oldest.Store(int64(arrival(items)))
	if len(items) == 0 {
		q.running = false
		if cap(q.items) > idleItems {
			q.items = nil
		}
	}
	return items
}

// arrival returns when the first of the items arrived, 0 if that is unknown.
func arrival(items []item) time.Duration {
	for i := range items {
		if items[i].when > 0 {
			return items[i].when
		}
	}
	return 0
}

// done releases a message that was handled or dropped.
func (q *receiveQueue) done(i *item) {
	q.waiting.Add(-1)
	q.bytes.Add(-int64(i.size))
	*i = item{}
	if q.crowded.Load() && q.waiting.Load() <= int64(q.maxItems)/2 && q.bytes.Load() <= int64(q.maxBytes)/2 {
		q.crowded.Store(false)
		select {
		case q.room <- struct{}{}:
		default:
		}
	}
}

// close refuses further messages.
func (q *receiveQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
