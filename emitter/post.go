package emitter

import (
	"context"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/internal/wire"
)

// post sends what callers bring, with no goroutine of its own. Who finds nobody sending does it himself. Those who come
// meanwhile wait, and then the first of them sends for all of them, in the order in which they came: the longer a round
// trip takes, the more of them share the next.
type post struct {
	sender *wire.Sender

	mu      sync.Mutex // guards all below
	busy    bool       // somebody is sending, or was told to
	waiting []*delivery
}

// delivery is what one caller brings.
type delivery struct {
	items []*wire.Outgoing
	// turn gets one value: true tells the caller to send for all who wait, himself the first of them; false tells him
	// that it was done.
	turn chan bool
	told bool // turn got true, guarded by post.mu
}

func newPost(config Config) *post {
	if config.Bus == nil {
		return &post{sender: &wire.Sender{}}
	}
	sender := &wire.Sender{
		Wire: wire.New(wire.Config{Codec: config.Codec, Store: config.Store, Limits: config.Bus.Limits(),
			Threshold: config.PayloadThreshold}),
		Bus: config.Bus, Store: config.Store, Timeout: config.PublishTimeout,
	}
	if _, ok := config.Bus.(Transaction); ok {
		sender.Serial, sender.Timeout = true, 0
	}
	return &post{sender: sender}
}

// send sends items, and notes what became of each in its Err. It returns an error when they were not sent because ctx had
// ended before.
func (p *post) send(ctx context.Context, items []*wire.Outgoing) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.sender.Serial { // nobody else may use a transaction
		_ = p.sender.Send(ctx, items) // it is noted on the items
		return nil
	}
	d := p.enter(items)
	if d.turn != nil {
		select {
		case mine := <-d.turn:
			if !mine {
				return nil
			}
		case <-ctx.Done():
			if p.withdraw(d) {
				return ctx.Err()
			}
			<-d.turn // it is on its way, with those of others
			return nil
		}
	}
	all := p.take()
	if len(all) > 1 {
		ctx = context.WithoutCancel(ctx) // it is not only about the one who has it any more
	}
	p.deliver(ctx, all)
	return nil
}

// enter queues items. If the delivery it returns has no turn to wait for, it is the caller's now.
func (p *post) enter(items []*wire.Outgoing) *delivery {
	d := &delivery{items: items}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, d)
	if p.busy {
		d.turn = make(chan bool, 1)
	}
	p.busy = true
	return d
}

// take takes all that wait.
func (p *post) take() []*delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.waiting
	p.waiting = nil
	return all
}

func (p *post) deliver(ctx context.Context, all []*delivery) {
	items := all[0].items
	for _, d := range all[1:] {
		items = append(items, d.items...)
	}
	defer func() { // also if the bus panics: the others must not wait for ever
		p.mu.Lock()
		p.next()
		p.mu.Unlock()
		for _, d := range all[1:] {
			d.turn <- false
		}
	}()
	_ = p.sender.Send(ctx, items) // it is noted on the items
}

// next tells the first who waits that it is his turn. The caller holds mu.
func (p *post) next() {
	p.busy = len(p.waiting) > 0
	if p.busy {
		p.waiting[0].told = true
		p.waiting[0].turn <- true
	}
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
	if d.told {
		p.next()
	}
	return true
}
