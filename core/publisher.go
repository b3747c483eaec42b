package core

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// publisher sends what is queued, in order: what arrives while a batch is on its way is the next batch.
type publisher struct {
	ctx     context.Context
	sender  *wire.Sender
	queue   *queue[*outgoing]
	storing *storing // before the queue
	trace   *atomic.Pointer[Trace]
	call    func(name string, f func()) // calls a func of trace
	counts  *counters
	report  func(error)
	expects func(handed time.Time, doubtful bool) // called when the bus has taken messages that come back, or, doubtful, may have

	failing  atomic.Bool // the latest batch did not go out whole
	watchdog *time.Timer // calls overdue; it runs while a batch is on its way
	mu       sync.Mutex  // guards all below
	flight   []*outgoing // the batch on its way, nil when there is none
	deadline time.Time   // by when the bus must have returned
	stuck    bool        // see overdue
}

// send queues a message without waiting for anything. What becomes of it is reported.
func (p *publisher) send(o *outgoing) error {
	err := p.push(o)
	if errors.Is(err, ErrQueueFull) {
		p.counts.queueDropped.Add(1)
		if f := p.trace.Load().QueueFull; f != nil {
			p.call("QueueFull", func() { f(o.ns.name, o.env.Type) })
		}
	}
	return err
}

// push queues a message if there is room for it. From then on the publisher holds it too.
func (p *publisher) push(o *outgoing) error {
	_, err := p.offer(o, false)
	return err
}

// pushWaiting is push as soon as there is room.
func (p *publisher) pushWaiting(ctx context.Context, o *outgoing) error {
	for {
		space, err := p.offer(o, true)
		if space == nil {
			return err
		}
		select {
		case <-space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *publisher) offer(o *outgoing, wait bool) (space <-chan struct{}, err error) {
	o.holders.Add(1)
	if space, err = p.storing.offer(o, wait); space != nil || err != nil {
		o.release()
	}
	return space, err
}

// publish queues a message, does its local part, and waits for the message's outcome, but no longer than ctx. The local part
// comes once the message has its place in the queue, so that what it makes the application send comes after it; when there
// is no place yet, it does not wait for one. It does not come after Close.
//
// What only peers have a use for is not waited for while there are none. If it then fails, that is reported, and from then on
// callers wait and are told, until the bus takes a message again, or the store an attachment.
func (p *publisher) publish(ctx context.Context, o *outgoing) error {
	if ctx.Err() != nil {
		o.here()
		return ctx.Err()
	}
	o.waits = !o.forPeers || p.fails(o) || !o.ns.alone(time.Now())
	err := p.push(o)
	if !tooLate(err) {
		o.here()
	}
	if errors.Is(err, ErrQueueFull) {
		err = p.pushWaiting(ctx, o)
	}
	if err != nil || !o.waits {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return o.leave(ctx.Err())
	}
}

// fails reports whether the latest that went the way of o did not arrive.
func (p *publisher) fails(o *outgoing) bool {
	return p.failing.Load() || o.Spills() && p.storing.failing.Load()
}

// run sends until the queue is closed and empty.
func (p *publisher) run() {
	defer p.watchdog.Stop()
	var batch []*outgoing
	for {
		// Let those who were just told the outcome of a batch put their next message into this one.
		runtime.Gosched()
		var more bool
		if batch, more = p.queue.take(batch); !more {
			return
		}
		for rest := batch; len(rest) > 0; {
			n := round(rest)
			p.flush(p.ctx, rest[:n:n])
			rest = rest[n:]
		}
	}
}

// A batch goes to the bus in rounds, each within the publish timeout.
const (
	roundItems = 4096
	roundBytes = 8 << 20
)

// round returns how many messages of batch, at least one, are sent together.
func round(batch []*outgoing) int {
	size := 0
	for n, o := range batch {
		if size += o.Size(); n > 0 && (n == roundItems || size > roundBytes) {
			return n
		}
	}
	return len(batch)
}

// flush sends a batch, and tells what became of each message.
func (p *publisher) flush(ctx context.Context, batch []*outgoing) {
	start := time.Now()
	live := p.claim(batch)
	if len(live) == 0 {
		return
	}
	sending := make([]*wire.Outgoing, len(live))
	spilled := 0
	for i, o := range live {
		sending[i] = &o.Outgoing
		if o.spilled {
			spilled++
		}
	}
	p.departs(live, start)
	err := p.sender.Send(ctx, sending)
	p.returned()
	p.failing.Store(err != nil)
	p.await(live, start, err)
	for _, o := range live {
		if o.Err == nil {
			p.counts.published.Add(1)
		} else {
			p.counts.publishErrors.Add(1)
		}
		if o.waits && ctx.Err() != nil && errors.Is(o.Err, ctx.Err()) {
			o.Err = unconfirmed(o, ErrClosed) // the cluster's Close has not waited for it
		}
		p.settle(o, o.Err)
		o.release()
	}
	if f := p.trace.Load().Published; f != nil {
		p.call("Published", func() { f(len(live), spilled, time.Since(start), err) })
	}
}

// claim returns those of batch, in its place, that are still to be sent.
func (p *publisher) claim(batch []*outgoing) (live []*outgoing) {
	live = batch[:0]
	for _, o := range batch {
		if !o.state.CompareAndSwap(isQueued, isTaken) {
			o.release()
			continue
		}
		switch {
		case o.ns.departed.Load():
			p.settle(o, ErrClosed)
			o.release()
			continue
		case o.isGoodbye():
			o.ns.departed.Store(true)
		default:
			o.returns = o.ns.announced.Load()
		}
		if o.leaving != nil {
			o.leaving()
		}
		live = append(live, o)
	}
	return live
}

// await notes that messages come back, if the bus has taken any that do. Those that it was not given, or has refused, do not. If it
// has not answered in time, nobody knows; if the connection broke, they may come, but need not.
func (p *publisher) await(batch []*outgoing, start time.Time, err error) {
	late := errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, transport.ErrNotSent)
	doubtful := false
	for _, o := range batch {
		if o.returns && o.Err == nil {
			p.expects(start, false)
			return
		}
		doubtful = doubtful || o.returns && late
	}
	if doubtful {
		p.expects(start, true)
	}
}

// fail ends a message that was still queued, and is not sent.
func (p *publisher) fail(o *outgoing, err error) {
	if o.state.CompareAndSwap(isQueued, isTaken) {
		if o.leaving != nil {
			o.leaving()
		}
		p.counts.publishErrors.Add(1)
		p.settle(o, err)
	}
	o.release()
}

// settle tells who waits for o, or reports, what became of it, unless that was done already.
func (p *publisher) settle(o *outgoing, err error) {
	if !o.state.CompareAndSwap(isTaken, isOver) {
		return
	}
	if err != nil && o.failed != nil {
		o.failed()
	}
	switch {
	case o.waits:
		o.done <- err
	case err != nil && !tooLate(err):
		p.report(err)
	}
}
