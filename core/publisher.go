package core

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/internal/groupcommit"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// publisher publishes the messages of all namespaces in order. A message passes through offload, which waits for the
// store if the message is too large for the bus, to group, which publishes in batches.
//
// A bus must return when its context ends, but the cluster does not rely on it. If the bus has not returned
// wire.Grace after the deadline, it is stuck: the callers that wait for the batch learn that the outcome is unknown,
// and nothing is queued until the bus returns. wire.Storer does the same for the store.
type publisher struct {
	ctx     context.Context
	sender  *wire.Sender
	group   *groupcommit.Group[*outgoing]
	offload *offload
	solo    *solo
	trace   *atomic.Pointer[Trace]
	call    func(name string, f func()) // calls a function of trace
	counts  *counters
	report  func(error)
	// expect is called when messages that come back to this node were published. doubtful: they may have been
	// published.
	expect func(handed, now time.Time, doubtful bool)

	handed time.Time // when the bus got the batch that it has; like err, it belongs to the goroutine of group
	err    error     // what the bus returned
}

func (p *publisher) limit() time.Duration { return p.sender.Timeout + wire.Grace }

func newGroup(p *publisher, config Config, spawn func(func())) *groupcommit.Group[*outgoing] {
	return groupcommit.New(groupcommit.Config[*outgoing]{
		Publisher: p, Capacity: groupcommit.Capacity{MaxItems: config.PublishQueue, MaxBytes: config.PublishQueueBytes},
		Split: batchLength, Limit: p.limit(), Spawn: spawn, Stay: true,
		Full: ErrQueueFull, Closed: ErrClosed, Stuck: &OpError{Op: "publish", Err: wire.ErrStuck},
	})
}

// enqueue queues a message and never waits. It returns ErrQueueFull when there is no room. Otherwise the publisher
// holds the message too.
func (p *publisher) enqueue(o *outgoing) error {
	_, err := p.offer(o, false)
	return err
}

// enqueueWhenFree waits until there is room for the message.
func (p *publisher) enqueueWhenFree(ctx context.Context, o *outgoing) error {
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
	if space, err = p.offload.offer(o, wait); space != nil || err != nil {
		o.release()
	}
	return space, err
}

// publishAsync queues a message and does not wait. What goes wrong later is reported.
func (p *publisher) publishAsync(o *outgoing) error {
	err := p.enqueue(o)
	if errors.Is(err, ErrQueueFull) {
		p.counts.queueDropped.Add(1)
		o.ns.logQueueFull(o.env.Type)
		if f := p.trace.Load().QueueFull; f != nil {
			p.call("QueueFull", func() { f(o.ns.name, o.env.Type) })
		}
	}
	return err
}

// publish queues a message, applies it to this process's sockets, and waits for the outcome, but not longer than ctx.
// The message is applied once it has its place in the queue, so that whatever this makes the application send comes
// after it. If the queue is full, the message is applied at once and then waits for its place. It is not applied
// after Close.
//
// Callers do not wait for the outcome of messages that only peers use while there are no peers: see solo.
func (p *publisher) publish(ctx context.Context, o *outgoing) error {
	if ctx.Err() != nil {
		o.applyHere()
		return ctx.Err()
	}
	o.waits = p.solo.mustWait(o, time.Now())
	err := p.enqueue(o)
	if !tooLate(err) && !o.returnsFirst {
		o.applyHere()
	}
	if errors.Is(err, ErrQueueFull) {
		err = p.enqueueWhenFree(ctx, o)
	}
	if err != nil && !tooLate(err) && o.returnsFirst {
		o.applyHere()
	}
	if err != nil || !o.waits {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return o.stopWaiting(ctx.Err())
	}
}

// A batch has at most so many messages and bytes. Each gets the whole publish timeout.
const (
	batchItems = 4096
	batchBytes = 8 << 20
)

// batchLength returns how many of the queued messages, at least one, are published together.
func batchLength(queued []*outgoing) int {
	size := 0
	for n, o := range queued {
		if size += o.Size(); n > 0 && (n == batchItems || size > batchBytes) {
			return n
		}
	}
	return len(queued)
}

// Take implements groupcommit.Publisher. It skips messages whose callers have left, and ends those of namespaces
// whose leave message was published.
func (p *publisher) Take(batch []*outgoing) (live []*outgoing) {
	live = batch[:0]
	for _, o := range batch {
		if !o.ticket.Take() {
			o.release()
			continue
		}
		switch {
		case o.ns.leaveSent.Load():
			p.settle(o, ErrClosed)
			o.release()
			continue
		case o.isLeave():
			o.ns.leaveSent.Store(true)
		default:
			o.returns = o.ns.listening.Load() && o.ns.hears(o.Channel)
		}
		if o.onTaken != nil {
			o.onTaken()
		}
		live = append(live, o)
	}
	return live
}

// Publish implements groupcommit.Publisher.
func (p *publisher) Publish(batch []*outgoing, start time.Time) {
	sending := make([]*wire.Outgoing, len(batch))
	for i, o := range batch {
		sending[i] = &o.Outgoing
	}
	p.handed = start
	p.err = p.sender.Send(p.ctx, sending)
}

// Settle implements groupcommit.Publisher.
func (p *publisher) Settle(batch []*outgoing) {
	p.solo.published(p.err)
	now := time.Now()
	p.expectReturn(batch, now)
	attachments := 0
	for _, o := range batch {
		if o.offloaded {
			attachments++
		}
		if o.Err == nil {
			p.counts.published.Add(1)
		} else {
			p.counts.publishErrors.Add(1)
		}
		if certainlyNotKept(o.Err) {
			o.deliverHere()
		}
		if o.waits && p.ctx.Err() != nil && errors.Is(o.Err, p.ctx.Err()) {
			o.Err = unconfirmed(o, ErrClosed) // the cluster's Close did not wait for it
		}
		p.settle(o, o.Err)
		o.release()
	}
	took := now.Sub(p.handed)
	p.counts.batchSize.Observe(int64(len(batch)))
	p.counts.publish.Observe(int64(took))
	if f := p.trace.Load().Published; f != nil {
		p.call("Published", func() { f(len(batch), attachments, took, p.err) })
	}
}

// expectReturn tells the listener that messages of the batch come back, if the bus accepted any that do. Messages
// that the bus did not get, or refused, do not come back. If the bus did not answer in time, they may; if the
// connection broke, they may too, but then the listener has no reason to expect them.
func (p *publisher) expectReturn(batch []*outgoing, now time.Time) {
	late := errors.Is(p.err, context.DeadlineExceeded) && !errors.Is(p.err, transport.ErrNotSent)
	doubtful := false
	for _, o := range batch {
		if o.returns && o.Err == nil {
			p.expect(p.handed, now, false)
			return
		}
		doubtful = doubtful || o.returns && late
	}
	if doubtful {
		p.expect(p.handed, now, true)
	}
}

// Stuck implements groupcommit.Publisher.
func (p *publisher) Stuck(batch, queued []*outgoing, handed time.Time) (unlocked func()) {
	batch = slices.Clone(batch)
	for _, o := range batch {
		o.holders.Add(1)
	}
	return func() {
		p.expect(handed, time.Now(), true)
		for _, o := range batch {
			p.settle(o, unconfirmed(o, context.DeadlineExceeded))
			o.release()
		}
		for _, o := range queued {
			p.failQueued(o, &OpError{Op: "publish", Channel: o.Channel, Err: wire.ErrStuck})
		}
	}
}

// failQueued ends a message that was queued and will not be published.
func (p *publisher) failQueued(o *outgoing, err error) {
	if o.ticket.Take() {
		if o.onTaken != nil {
			o.onTaken()
		}
		p.counts.publishErrors.Add(1)
		if !tooLate(err) {
			o.deliverHere()
		}
		p.settle(o, err)
	}
	o.release()
}

// settle passes the outcome of o to the caller that waits for it, or reports an error. It does nothing if the caller
// has left or the outcome was passed on before.
func (p *publisher) settle(o *outgoing, err error) {
	if !o.ticket.Settle() {
		return
	}
	if err != nil && o.onFailed != nil {
		o.onFailed()
	}
	switch {
	case o.waits:
		o.done <- err
	case err != nil && !tooLate(err):
		p.report(err)
	}
}
