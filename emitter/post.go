package emitter

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/internal/wire"
)

// post sends what callers bring. Who finds nobody sending starts a goroutine, which sends until nothing is left: those who come
// meanwhile are sent together in the next round trip, and the longer one takes, the more of them share the next. No caller
// waits longer than his context lasts.
type post struct {
	sender     *wire.Sender
	deliveries sync.Pool // of *delivery

	mu      sync.Mutex // guards all below
	busy    bool       // somebody is sending
	stuck   bool       // he has not come back in time: nobody is queued
	waiting []*delivery
}

// delivery is what one caller brings. It is used again when it was sent and the caller has been told so.
type delivery struct {
	items []*wire.Outgoing
	state atomic.Int32
	done  chan error // gets one value, nil if what became of each item is noted on it, unless the caller has left

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
		Bus: config.Bus, Store: config.Store, Timeout: config.PublishTimeout,
	}
	if _, ok := config.Bus.(Transaction); ok {
		sender.Serial, sender.Timeout = true, 0
	}
	return &post{sender: sender}
}

// sendOne sends one message.
func (p *post) sendOne(ctx context.Context, o wire.Outgoing) error {
	d := p.newDelivery(nil)
	d.one = o
	d.ones[0] = &d.one
	d.items = d.ones[:]
	channel := o.Channel
	err := p.send(ctx, d)
	if errors.Is(err, wire.ErrUnconfirmed) {
		return &OpError{Op: "publish", Channel: channel, Err: err} // and d is still being sent
	}
	if err == nil {
		err = d.one.Err
	}
	d.one.Release()
	p.release(d)
	return err
}

// sendAll sends items, and notes what became of each in its Err. Its own error means that none was sent, or, if it is
// ErrUnconfirmed, that the items are still being sent.
func (p *post) sendAll(ctx context.Context, items []*wire.Outgoing) error {
	d := p.newDelivery(items)
	err := p.send(ctx, d)
	if !errors.Is(err, wire.ErrUnconfirmed) {
		p.release(d)
	}
	return err
}

// send returns nil when what became of d is noted on its items. ErrUnconfirmed means that it is still being sent, any other
// error that it was not.
func (p *post) send(ctx context.Context, d *delivery) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.sender.Serial { // nobody else may use a transaction
		_ = p.sender.Send(ctx, d.items) // it is noted on the items
		return nil
	}
	if !p.enter(ctx, d) {
		return &OpError{Op: "publish", Err: wire.ErrStuck}
	}
	select {
	case err := <-d.done:
		return err
	case <-ctx.Done():
	}
	switch {
	case p.withdraw(d):
		return ctx.Err()
	case d.state.CompareAndSwap(isTaken, isOver):
		return wire.Unconfirmed(ctx.Err())
	}
	return <-d.done
}

// enter queues d, and has it sent, unless the bus is stuck.
func (p *post) enter(ctx context.Context, d *delivery) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stuck {
		return false
	}
	p.waiting = append(p.waiting, d)
	if !p.busy {
		p.busy = true
		go p.run(context.WithoutCancel(ctx)) // for the values of ctx
	}
	return true
}

// withdraw takes a delivery back, unless it is on its way.
func (p *post) withdraw(d *delivery) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, d)
	if i < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	return true
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
