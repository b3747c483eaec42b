package emitter

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
)

// post sends what callers bring. Who finds nobody sending starts a goroutine, which sends until nothing is left: those who come
// meanwhile are sent together in the next round trip, and the longer one takes, the more of them share the next. What is too
// large for the bus is stored before, and holds up nobody else. No caller waits longer than his context lasts.
type post struct {
	sender     *wire.Sender
	storer     *wire.Storer
	deliveries sync.Pool // of *delivery

	mu      sync.Mutex // guards all below
	busy    bool       // somebody is sending
	stuck   bool       // he has not come back in time: nobody is queued
	waiting []*delivery
}

// delivery is what one caller brings. It is used again when it was sent and the caller has been told so.
type delivery struct {
	items  []*wire.Outgoing
	state  atomic.Int32
	done   chan error   // gets one value, nil if what became of each item is noted on it, unless the caller has left
	stored atomic.Int32 // how many items have yet to be stored, and 1 until all were given to the storer

	one  wire.Outgoing // room for the most frequent case
	ones [1]*wire.Outgoing
}

// The states of a delivery. Exactly one change of each happens.
const (
	isQueued = iota
	isTaken  // by who sends
	isOver   // the caller was told, or has left
)

func (p *post) newDelivery(items []*wire.Outgoing) *delivery {
	d, ok := p.deliveries.Get().(*delivery)
	if !ok {
		d = &delivery{done: make(chan error, 1)}
	}
	d.items = items
	d.state.Store(isQueued)
	return d
}

// release ends the use of d, which nobody sends any more.
func (p *post) release(d *delivery) {
	d.items, d.one, d.ones[0] = nil, wire.Outgoing{}, nil
	p.deliveries.Put(d)
}

func newPost(config Config) *post {
	if config.Bus == nil {
		return &post{sender: &wire.Sender{}}
	}
	sender := &wire.Sender{
		Wire: wire.New(wire.Config{Codec: config.Codec, Store: config.Store, Limits: config.Bus.Limits(),
			Threshold: config.PayloadThreshold, MaxMessageBytes: config.MaxMessageBytes, Secrets: [][]byte{config.Secret}}),
		Bus: config.Bus, Timeout: config.PublishTimeout,
	}
	if _, ok := config.Bus.(Transaction); ok {
		sender.Serial, sender.Timeout, sender.Store = true, 0, config.Store
		return &post{sender: sender}
	}
	return &post{sender: sender, storer: wire.NewStorer(sender.Wire, config.Store, config.PublishTimeout, func(f func()) { go f() })}
}

// sendOne sends one message.
func (p *post) sendOne(ctx context.Context, o wire.Outgoing) error {
	d := p.newDelivery(nil)
	d.one = o
	d.ones[0] = &d.one
	d.items = d.ones[:]
	channel := o.Channel
	ours, err := p.send(ctx, d)
	if !ours {
		if errors.Is(err, fault.ErrUnconfirmed) {
			err = &OpError{Op: "publish", Channel: channel, Err: err}
		}
		return err
	}
	if err == nil {
		err = d.one.Err
	}
	d.one.Release()
	p.release(d)
	return err
}

// sendAll sends items, and notes what became of each in its Err. Its own error means that none was sent, or, if it is
// ErrUnconfirmed, that they may still be. The items are the caller's again only if ours is set.
func (p *post) sendAll(ctx context.Context, items []*wire.Outgoing) (ours bool, err error) {
	d := p.newDelivery(items)
	if ours, err = p.send(ctx, d); ours {
		p.release(d)
	}
	return ours, err
}

// send returns nil when what became of d is noted on its items. ErrUnconfirmed means that it is still being sent, any other
// error that it was not, and never will be. d is the caller's again if ours is set.
func (p *post) send(ctx context.Context, d *delivery) (ours bool, err error) {
	if err := ctx.Err(); err != nil {
		return true, err
	}
	if p.sender.Serial { // nobody else may use a transaction
		_ = p.sender.Send(ctx, d.items) // it is noted on the items
		return true, nil
	}
	p.store(ctx, d)
	select {
	case err := <-d.done:
		return !errors.Is(err, fault.ErrUnconfirmed), err
	case <-ctx.Done():
	}
	switch ours, unsent := p.withdraw(d); {
	case unsent:
		return ours, ctx.Err()
	case d.state.CompareAndSwap(isTaken, isOver):
		return false, wire.Unconfirmed(ctx.Err())
	}
	err = <-d.done
	return !errors.Is(err, fault.ErrUnconfirmed), err
}

// body is an item of a delivery whose body is to be stored.
type body struct {
	post     *post
	delivery *delivery
	message  *wire.Outgoing
}

func (b *body) Message() *wire.Outgoing    { return b.message }
func (b *body) Wanted() bool               { return b.delivery.state.Load() == isQueued }
func (b *body) Stored(ctx context.Context) { b.post.stored(ctx, b.delivery) }

// store has the bodies of d stored, if there are any, and queues d after that.
func (p *post) store(ctx context.Context, d *delivery) {
	ctx = context.WithoutCancel(ctx) // for its values
	d.stored.Store(1)
	for _, o := range d.items {
		if !o.Spills() {
			continue
		}
		d.stored.Add(1)
		if err := p.storer.Add(ctx, &body{p, d, o}); err != nil {
			o.Err = err
			d.stored.Add(-1)
		}
	}
	p.stored(ctx, d)
}

// stored queues d, and has it sent, if that was the last that it has waited for.
func (p *post) stored(ctx context.Context, d *delivery) {
	if d.stored.Add(-1) > 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case d.state.Load() == isOver: // the caller has left
		return
	case p.stuck:
		d.state.Store(isTaken)
		d.tell(&OpError{Op: "publish", Err: wire.ErrStuck})
		return
	}
	p.waiting = append(p.waiting, d)
	if !p.busy {
		p.busy = true
		go p.run(ctx)
	}
}

// withdraw takes a delivery back, unless it is on its way. It is not the caller's again while the store may have it.
func (p *post) withdraw(d *delivery) (ours, unsent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, d); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		return true, true
	}
	return false, d.state.CompareAndSwap(isQueued, isOver)
}

// run sends all that wait until nobody waits any more.
func (p *post) run(ctx context.Context) {
	for {
		all := p.take()
		if len(all) == 0 {
			return
		}
		p.deliver(ctx, all)
		// Let those who were just told put their next message into the next round trip.
		runtime.Gosched()
	}
}

// take takes all that wait. When nobody does, the next who comes has to start another goroutine.
func (p *post) take() []*delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.waiting
	p.waiting = nil
	for _, d := range all {
		d.state.Store(isTaken)
	}
	p.busy = len(all) > 0
	return all
}

// deliver sends what all have brought, and tells those who wait for it.
func (p *post) deliver(ctx context.Context, all []*delivery) {
	items := all[0].items
	if len(all) > 1 {
		items = make([]*wire.Outgoing, 0, 2*len(all))
		for _, d := range all {
			items = append(items, d.items...)
		}
	}
	returned := false // guarded by mu
	watchdog := time.AfterFunc(p.sender.Timeout+wire.Grace, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !returned {
			p.giveUp(all)
		}
	})
	_ = p.sender.Send(ctx, items) // it is noted on the items
	watchdog.Stop()
	p.mu.Lock()
	returned, p.stuck = true, false
	p.mu.Unlock()
	for _, d := range all {
		d.tell(nil)
	}
}

// giveUp tells those who wait for the bus, and those who wait behind them, that it is stuck. The caller holds mu.
func (p *post) giveUp(all []*delivery) {
	for _, d := range all {
		d.tell(wire.Unconfirmed(context.DeadlineExceeded))
	}
	for _, d := range p.waiting {
		d.state.Store(isTaken)
		d.tell(&OpError{Op: "publish", Err: wire.ErrStuck})
	}
	p.stuck, p.waiting = true, nil
}

// tell tells who waits for d, if he still does.
func (d *delivery) tell(err error) {
	if d.state.CompareAndSwap(isTaken, isOver) {
		d.done <- err
	}
}
