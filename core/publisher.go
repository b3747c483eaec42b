package core

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// outgoing is one message on its way to the bus.
type outgoing struct {
	channel string
	nsp     string
	env     *codec.Envelope
	buf     *[]byte // holds the payload, or the body when spill is set
	spill   bool
	done    chan error  // gets the outcome if somebody waits for it, else nil
	leaving func()      // called when the publisher takes it, if not nil
	taken   atomic.Bool // by the publisher, or by a caller who no longer waits
	err     error       // the publisher's own note
}

// buffers are reused for encoded messages, unless they grew large.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

const keepBuffer = 64 << 10

func putBuffer(b *[]byte) {
	if cap(*b) <= keepBuffer {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// publisher sends what is queued, in order: what arrives while a batch is on its way is the next batch.
type publisher struct {
	bus     transport.Bus
	store   storage.Store
	wire    *wire.Wire
	queue   *queue[*outgoing]
	timeout time.Duration
	trace   *Trace
	counts  *counters
	report  func(error)
}

// encode makes a message of env. Only the fields of a reference are kept of env after it returns.
func (p *publisher) encode(channel string, env *codec.Envelope) (*outgoing, error) {
	buf := buffers.Get().(*[]byte)
	b, spill, err := p.wire.Encode((*buf)[:0], env)
	*buf = b
	if err != nil {
		putBuffer(buf)
		return nil, err
	}
	return &outgoing{channel: channel, nsp: env.NSP, env: env, buf: buf, spill: spill}, nil
}

// send queues a message without waiting for anything. What becomes of it is reported.
func (p *publisher) send(o *outgoing) error {
	err := p.queue.tryPush(o, len(*o.buf))
	if errors.Is(err, ErrQueueFull) {
		p.counts.queueDropped.Add(1)
		if p.trace.QueueFull != nil {
			p.trace.QueueFull(o.nsp, o.env.Type)
		}
	}
	return err
}

// publish queues a message and waits for its outcome. When ctx ends first, the message is not sent if it was still
// queued.
func (p *publisher) publish(ctx context.Context, o *outgoing) error {
	o.done = make(chan error, 1)
	if err := p.queue.push(ctx, o, len(*o.buf)); err != nil {
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
		p.flush(ctx, batch)
	}
}

func (p *publisher) flush(ctx context.Context, batch []*outgoing) {
	start := time.Now()
	live := batch[:0]
	spilled := 0
	for _, o := range batch {
		if !o.taken.CompareAndSwap(false, true) {
			putBuffer(o.buf)
			continue
		}
		if o.leaving != nil {
			o.leaving()
		}
		if o.spill {
			spilled++
		}
		live = append(live, o)
	}
	if spilled > 0 {
		p.spill(ctx, live)
		p.counts.spilled.Add(uint64(spilled))
	}
	err := p.transmit(ctx, live)
	for _, o := range live {
		p.settle(o)
	}
	if p.trace.Published != nil {
		p.trace.Published(len(live), spilled, time.Since(start), err)
	}
}

// transmit publishes what has no error yet and notes the outcome on each message. It returns the first error.
func (p *publisher) transmit(ctx context.Context, batch []*outgoing) error {
	todo := make([]*outgoing, 0, len(batch))
	msgs := make([]transport.Message, 0, len(batch))
	for _, o := range batch {
		if o.err == nil {
			todo = append(todo, o)
			msgs = append(msgs, transport.Message{Channel: o.channel, Payload: *o.buf})
		}
	}
	accepted, err := p.round(ctx, msgs)
	var rejected *transport.RejectedError
	if errors.As(err, &rejected) {
		// Exactly the accepted ones were sent: send the others one by one, so that only those at fault fail.
		for i := accepted; i < len(todo); i++ {
			_, e := p.round(ctx, msgs[i:i+1])
			if e == nil {
				continue
			}
			if errors.As(e, &rejected) {
				todo[i].err = &OpError{Op: "publish", Channel: todo[i].channel, Err: rejected.Err}
				continue
			}
			fail(todo[i:], e)
			return e
		}
		return err
	}
	if err != nil {
		fail(todo[accepted:], err)
	}
	return err
}

// round is one call of the bus. It returns how many of msgs were certainly sent.
func (p *publisher) round(ctx context.Context, msgs []transport.Message) (accepted int, err error) {
	if len(msgs) == 0 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	p.counts.publishBatches.Add(1)
	err = p.bus.Publish(ctx, msgs...)
	var rejected *transport.RejectedError
	if errors.As(err, &rejected) {
		accepted = min(max(rejected.Accepted, 0), len(msgs))
	}
	return accepted, err
}

func fail(batch []*outgoing, err error) {
	for _, o := range batch {
		o.err = &OpError{Op: "publish", Channel: o.channel, Err: err}
	}
}

// settle tells who waits for o, or reports, what became of it.
func (p *publisher) settle(o *outgoing) {
	putBuffer(o.buf)
	if o.err == nil {
		p.counts.published.Add(1)
	} else {
		p.counts.publishErrors.Add(1)
	}
	switch {
	case o.done != nil:
		o.done <- o.err
	case o.err != nil:
		p.report(o.err)
	}
}
