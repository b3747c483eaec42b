package core

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// outgoing is one message on its way to the bus.
type outgoing struct {
	wire.Outgoing
	nsp     string
	done    chan error   // gets the outcome if somebody waits for it, else nil
	leaving func()       // called when the publisher takes it, if not nil
	failed  func()       // called when it was not sent, if not nil
	taken   atomic.Bool  // by the publisher, or by a caller who no longer waits
	left    *atomic.Bool // set by the namespace's goodbye, after which nothing of it is sent
}

// publisher sends what is queued, in order: what arrives while a batch is on its way is the next batch.
type publisher struct {
	sender *wire.Sender
	queue  *queue[*outgoing]
	trace  *Trace
	counts *counters
	report func(error)
	begins func(time.Time) // called when messages that will come back are handed to the bus
	failed func(time.Time) // called when those of a time will not come back after all, which the server itself said
}

// encode makes a message of env. Only the fields of a reference are kept of env after it returns.
func (p *publisher) encode(channel string, env *codec.Envelope) (*outgoing, error) {
	o, err := p.sender.Wire.Outgoing(channel, env)
	if err != nil {
		return nil, err
	}
	return &outgoing{Outgoing: o, nsp: env.NSP}, nil
}

// send queues a message without waiting for anything. What becomes of it is reported.
func (p *publisher) send(o *outgoing) error {
	err := p.queue.tryPush(o, o.Size())
	if errors.Is(err, ErrQueueFull) {
		p.counts.queueDropped.Add(1)
		if p.trace.QueueFull != nil {
			p.trace.QueueFull(o.nsp, o.Env.Type)
		}
	}
	return err
}

// publish queues a message, calls local, and waits for the message's outcome. When ctx ends first, the message is not sent
// if it was still queued. local is called once the message has its place in the queue, so that what local makes the
// application send comes after it; when there is no place yet, local does not wait for one. It is not called after Close.
func (p *publisher) publish(ctx context.Context, o *outgoing, local func()) error {
	if ctx.Err() != nil {
		local()
		return ctx.Err()
	}
	o.done = make(chan error, 1)
	err := p.queue.tryPush(o, o.Size())
	if !tooLate(err) {
		local()
	}
	if errors.Is(err, ErrQueueFull) {
		err = p.queue.push(ctx, o, o.Size())
	}
	if err != nil {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		if o.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		// It is on its way. Its outcome is worth waiting for: it is bounded by the publish timeout.
		return <-o.done
	}
}

// run sends until the queue is closed and empty.
func (p *publisher) run(ctx context.Context) {
	var batch []*outgoing
	for {
		var ok bool
		if batch, ok = p.queue.take(batch); !ok {
			return
		}
		for rest := batch; len(rest) > 0; {
			n := round(rest)
			p.flush(ctx, rest[:n:n])
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

func (p *publisher) flush(ctx context.Context, batch []*outgoing) {
	start := time.Now()
	live := batch[:0]
	sending := make([]*wire.Outgoing, 0, len(batch))
	spilled, returning := 0, false
	for _, o := range batch {
		if !o.taken.CompareAndSwap(false, true) {
			o.Release()
			continue
		}
		switch goodbye := o.Env.Type == codec.AdapterClose; {
		case o.left.Load():
			o.Release()
			if o.done != nil {
				o.done <- ErrClosed
			}
			continue
		case goodbye:
			o.left.Store(true)
		default:
			returning = true
		}
		if o.leaving != nil {
			o.leaving()
		}
		if o.Spills() {
			spilled++
		}
		live = append(live, o)
		sending = append(sending, &o.Outgoing)
	}
	if returning {
		p.begins(start)
	}
	p.counts.spilled.Add(uint64(spilled))
	err := p.sender.Send(ctx, sending)
	var rejected *transport.RejectedError
	if errors.As(err, &rejected) && !slices.ContainsFunc(live, func(o *outgoing) bool { return o.Err == nil }) {
		p.failed(start)
	}
	for _, o := range live {
		p.settle(o)
	}
	if p.trace.Published != nil {
		p.trace.Published(len(live), spilled, time.Since(start), err)
	}
}

// settle tells who waits for o, or reports, what became of it.
func (p *publisher) settle(o *outgoing) {
	o.Release()
	if o.Err == nil {
		p.counts.published.Add(1)
	} else {
		p.counts.publishErrors.Add(1)
		if o.failed != nil {
			o.failed()
		}
	}
	switch {
	case o.done != nil:
		o.done <- o.Err
	case o.Err != nil:
		p.report(o.Err)
	}
}
