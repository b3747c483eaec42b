package emitter

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane/internal/wire"
)

// post sends what callers bring, with no goroutine of its own. Who finds nobody sending does it himself. Those who come
// meanwhile wait, and are sent together in the next round trip: the longer one takes, the more of them share the next. Who
// sends does so for the others for a moment more, and then tells the first of those who wait that it is his turn.
type post struct {
	sender *wire.Sender

	mu      sync.Mutex // guards all below
	busy    bool       // somebody is sending, or was told to
	waiting []*delivery
}

// moment is how long a caller whose own message is out goes on to send for others, if it takes more than one round trip.
// It saves waking another one for each.
const moment = time.Millisecond

// delivery is what one caller brings. It is used again when the caller has left.
type delivery struct {
	items []*wire.Outgoing
	// turn gets one value if the caller has to wait: true tells him to send for all who wait, himself the first of them;
	// false tells him that it was done.
	turn chan bool
	told bool // turn got true, guarded by post.mu

	one  wire.Outgoing // room for the most frequent case
	ones [1]*wire.Outgoing
}

var deliveries = sync.Pool{New: func() any { return &delivery{turn: make(chan bool, 1)} }}

func newDelivery(items []*wire.Outgoing) *delivery {
	d := deliveries.Get().(*delivery)
	d.items, d.told = items, false
	return d
}

// release ends the use of d, whose turn is empty.
func (d *delivery) release() {
	d.items, d.one, d.ones[0] = nil, wire.Outgoing{}, nil
	deliveries.Put(d)
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

// sendOne sends one message.
func (p *post) sendOne(ctx context.Context, o wire.Outgoing) error {
	d := newDelivery(nil)
	defer d.release()
	d.one = o
	d.ones[0] = &d.one
	d.items = d.ones[:]
	defer d.one.Release()
	if err := p.send(ctx, d); err != nil {
		return err
	}
	return d.one.Err
}

// sendAll sends items, and notes what became of each in its Err. Its own error means that none was sent.
func (p *post) sendAll(ctx context.Context, items []*wire.Outgoing) error {
	d := newDelivery(items)
	defer d.release()
	return p.send(ctx, d)
}

// send returns an error when d was not sent because ctx had ended before. It leaves d.turn empty.
func (p *post) send(ctx context.Context, d *delivery) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.sender.Serial { // nobody else may use a transaction
		_ = p.sender.Send(ctx, d.items) // it is noted on the items
		return nil
	}
	if p.enter(d) {
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
	p.lead(ctx, d)
	return nil
}

// enter queues d. It is false if nobody is sending: the caller has to.
func (p *post) enter(d *delivery) (wait bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, d)
	wait = p.busy
	p.busy = true
	return wait
}

// lead sends all that wait, own among them, and what comes in the moment after that, unless ctx ends.
func (p *post) lead(ctx context.Context, own *delivery) {
	defer p.next()                       // also if the bus panics: the others must not wait for ever
	shared := context.WithoutCancel(ctx) // what is not only about own is not about ctx either
	all := p.take()
	if len(all) == 1 {
		p.deliver(ctx, own, all)
	} else {
		p.deliver(shared, own, all)
	}
	for end := time.Now().Add(moment); ctx.Err() == nil && time.Now().Before(end); {
		if all = p.take(); len(all) == 0 {
			return
		}
		p.deliver(shared, own, all)
	}
}

// take takes all that wait.
func (p *post) take() []*delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.waiting
	p.waiting = nil
	return all
}

// deliver sends what all have brought, and tells those who wait for it.
func (p *post) deliver(ctx context.Context, own *delivery, all []*delivery) {
	items := all[0].items
	if len(all) > 1 {
		items = make([]*wire.Outgoing, 0, 2*len(all))
		for _, d := range all {
			items = append(items, d.items...)
		}
	}
	defer func() {
		for _, d := range all {
			if d != own {
				d.turn <- false
			}
		}
	}()
	_ = p.sender.Send(ctx, items) // it is noted on the items
}

// next tells the first who waits that it is his turn.
func (p *post) next() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass()
}

// pass is next for who holds mu.
func (p *post) pass() {
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
		<-d.turn
		p.pass()
	}
	return true
}
