package emitter

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/groupcommit"
	"github.com/backplane-go/backplane/internal/wire"
)

// publisher publishes the messages of callers, with the group commit that package core uses too: messages that
// are queued during a round trip share the next one. Its goroutine ends when nothing is queued. Attachments are
// stored before a delivery joins the queue, so that a slow store does not delay other callers. No caller waits
// after its context has ended.
//
// In a transaction there is no queue: only the caller's goroutine may use the transaction.
type publisher struct {
	sender     *wire.Sender
	storer     *wire.Storer
	group      *groupcommit.Group[*delivery]
	deliveries sync.Pool // of *delivery
}

// delivery holds the messages of one caller. Its memory is reused after the caller has received the outcome.
type delivery struct {
	items   []*wire.Outgoing
	ticket  groupcommit.Ticket
	done    chan error      // receives one value: nil if the outcome of each item is in its Err
	ctx     context.Context // the caller's, without its cancellation: a bus may use its values
	waiting atomic.Int32    // number of items that are not stored yet; 1 more until all were passed to the storer

	one  wire.Outgoing // memory for a delivery of one item, the usual case
	ones [1]*wire.Outgoing
}

func (p *publisher) newDelivery(items []*wire.Outgoing) *delivery {
	d, ok := p.deliveries.Get().(*delivery)
	if !ok {
		d = &delivery{done: make(chan error, 1)}
	}
	d.items = items
	d.ticket.Reset()
	return d
}

// recycle allows the memory of d to be reused. No other goroutine may have a reference to d.
func (p *publisher) recycle(d *delivery) {
	d.items, d.ctx, d.one, d.ones[0] = nil, nil, wire.Outgoing{}, nil
	p.deliveries.Put(d)
}

func newPublisher(config Config) (*publisher, error) {
	if config.Bus == nil {
		return &publisher{sender: &wire.Sender{}}, nil
	}
	w, err := wire.New(wire.Config{Dialect: config.Dialect, Codec: config.Codec, Prefix: config.ChannelPrefix,
		Bus: config.Bus, Store: config.Store, Limits: config.Bus.Limits(), Threshold: config.PayloadThreshold,
		MaxMessageBytes: config.MaxMessageBytes, Retention: config.retention(), Secrets: [][]byte{config.Secret}})
	if err != nil {
		return &publisher{sender: &wire.Sender{}}, err
	}
	sender := &wire.Sender{Wire: w, Bus: config.Bus, Log: config.appender(), Timeout: config.PublishTimeout}
	if _, ok := config.Bus.(Transaction); ok {
		sender.Serial, sender.Timeout, sender.Store = true, 0, config.Store
		return &publisher{sender: sender}, nil
	}
	spawn := func(f func()) { go f() }
	p := &publisher{sender: sender, storer: wire.NewStorer(sender.Wire, config.Store, config.PublishTimeout, spawn)}
	p.group = groupcommit.New(groupcommit.Config[*delivery]{
		Publisher: p, Capacity: groupcommit.Capacity{MaxItems: math.MaxInt, MaxBytes: math.MaxInt},
		Limit: sender.Timeout + wire.Grace, Spawn: spawn, Stuck: &OpError{Op: "publish", Err: wire.ErrStuck},
	})
	return p, nil
}

// publishOne publishes one message.
func (p *publisher) publishOne(ctx context.Context, o wire.Outgoing) error {
	d := p.newDelivery(nil)
	d.one = o
	d.ones[0] = &d.one
	d.items = d.ones[:]
	channel := o.Channel
	outcome, err := p.publish(ctx, d)
	if outcome == unknown {
		if errors.Is(err, fault.ErrUnconfirmed) {
			err = &OpError{Op: "publish", Channel: channel, Err: err}
		}
		return err
	}
	if err == nil {
		err = d.one.Err
	}
	d.one.Release()
	if outcome == settled {
		p.recycle(d)
	}
	return err
}

// publishAll publishes items and puts the outcome of each into its Err. If publishAll itself returns an error,
// no item was published or, with ErrUnconfirmed, all of them may still be. Only if ours is true does the caller
// own the items again.
func (p *publisher) publishAll(ctx context.Context, items []*wire.Outgoing) (ours bool, err error) {
	d := p.newDelivery(items)
	outcome, err := p.publish(ctx, d)
	if outcome == settled {
		p.recycle(d)
	}
	return outcome != unknown, err
}

// outcome says who owns a delivery after publish.
type outcome int

const (
	settled   outcome = iota // the caller owns the delivery and its items
	withdrawn                // the caller owns the items; the delivery may still be in the queue
	unknown                  // the publisher or the storer may still use both
)

// publish publishes d and waits. If it returns no error, the outcome is in the items. With ErrUnconfirmed, d is still
// being published. With any other error, it was not and will not be.
func (p *publisher) publish(ctx context.Context, d *delivery) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return settled, err
	}
	if p.sender.Serial {
		_ = p.sender.Send(ctx, d.items) // the items have the error
		return settled, nil
	}
	p.store(ctx, d)
	select {
	case err := <-d.done:
		return settledUnless(err), err
	case <-ctx.Done():
	}
	switch {
	case d.ticket.Withdraw():
		if d.waiting.Load() > 0 {
			return unknown, ctx.Err() // the storer still uses some of the items
		}
		return withdrawn, ctx.Err()
	case d.ticket.Abandon():
		return unknown, wire.Unconfirmed(ctx.Err())
	}
	err := <-d.done
	return settledUnless(err), err
}

// settledUnless returns settled, unless err says that the delivery is still being published.
func settledUnless(err error) outcome {
	if errors.Is(err, fault.ErrUnconfirmed) {
		return unknown
	}
	return settled
}

// attachment is an item of a delivery that was passed to the storer. It implements wire.Attachment.
type attachment struct {
	publisher *publisher
	delivery  *delivery
	message   *wire.Outgoing
}

func (a *attachment) Message() *wire.Outgoing { return a.message }
func (a *attachment) Wanted() bool            { return a.delivery.ticket.Queued() }
func (a *attachment) Stored(context.Context)  { a.publisher.stored(a.delivery) }

// store passes the items of d that have attachments to the storer, and queues d when all of them are stored.
func (p *publisher) store(ctx context.Context, d *delivery) {
	d.ctx = context.WithoutCancel(ctx)
	d.waiting.Store(1)
	for _, o := range d.items {
		if !o.NeedsStore() {
			continue
		}
		d.waiting.Add(1)
		if err := p.storer.Add(d.ctx, &attachment{p, d, o}); err != nil {
			o.Err = err
			d.waiting.Add(-1)
		}
	}
	p.stored(d)
}

// stored is called for each item that was stored. It queues d if that was the last one.
func (p *publisher) stored(d *delivery) {
	if d.waiting.Add(-1) > 0 || !d.ticket.Queued() {
		return
	}
	if _, err := p.group.Offer(d, 0, false); err != nil && d.ticket.Take() {
		d.settle(err)
	}
}

// Take implements groupcommit.Publisher. It skips deliveries whose callers have left.
func (p *publisher) Take(batch []*delivery) []*delivery {
	return slices.DeleteFunc(batch, func(d *delivery) bool { return !d.ticket.Take() })
}

// Publish implements groupcommit.Publisher.
func (p *publisher) Publish(batch []*delivery, _ time.Time) {
	items := batch[0].items
	if len(batch) > 1 {
		items = make([]*wire.Outgoing, 0, 2*len(batch))
		for _, d := range batch {
			items = append(items, d.items...)
		}
	}
	_ = p.sender.Send(batch[0].ctx, items) // the items have the error
}

// Settle implements groupcommit.Publisher.
func (p *publisher) Settle(batch []*delivery) {
	for _, d := range batch {
		d.settle(nil)
	}
}

// Stuck implements groupcommit.Publisher.
func (p *publisher) Stuck(batch, queued []*delivery, _ time.Time) (unlocked func()) {
	for _, d := range batch {
		d.settle(wire.Unconfirmed(context.DeadlineExceeded))
	}
	for _, d := range queued {
		if d.ticket.Take() {
			d.settle(&OpError{Op: "publish", Err: wire.ErrStuck})
		}
	}
	return nil
}

// settle passes the outcome to the caller, unless the caller has left.
func (d *delivery) settle(err error) {
	if d.ticket.Settle() {
		d.done <- err
	}
}
