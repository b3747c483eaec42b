package core

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// publisher sends what is queued, in order: what arrives while a batch is on its way is the next batch.
type publisher struct {
	ctx    context.Context
	sender *wire.Sender
	queue  *queue[*outgoing]
	trace  *Trace
	counts *counters
	report func(error)
	begins func(time.Time) // called when messages that will come back are handed to the bus
	failed func(time.Time) // called when those of a time will not come back after all, which the server itself said

	lone    atomic.Bool // the last batch was one message
	leading atomic.Bool // a caller means to send what is queued himself
	watch   *watch      // of his local part
	turn    turn        // who has it sends; guards batch
	batch   []*outgoing
}

// send queues a message without waiting for anything. What becomes of it is reported.
func (p *publisher) send(o *outgoing) error {
	err := p.push(o)
	if errors.Is(err, ErrQueueFull) {
		p.counts.queueDropped.Add(1)
		if p.trace.QueueFull != nil {
			p.trace.QueueFull(o.ns.name, o.env.Type)
		}
	}
	return err
}

// push queues a message if there is room for it. From then on the publisher holds it too.
func (p *publisher) push(o *outgoing) error {
	first, err := p.pushQuietly(o)
	if first || p.leading.Load() { // who leads may take his time
		p.queue.signal()
	}
	return err
}

// pushQuietly is push for who leads: nobody is woken.
func (p *publisher) pushQuietly(o *outgoing) (first bool, err error) {
	o.holders.Add(1)
	first, err = p.queue.tryPushQuietly(o, o.Size())
	if err != nil {
		o.release()
	}
	return first, err
}

// pushWaiting is push as soon as there is room.
func (p *publisher) pushWaiting(ctx context.Context, o *outgoing) error {
	o.holders.Add(1)
	err := p.queue.push(ctx, o, o.Size())
	if err != nil {
		o.release()
	}
	return err
}

// publish queues a message, does its local part, and waits for the message's outcome. When ctx ends first, the message is
// not sent if it was still queued. The local part comes once the message has its place in the queue, so that what it makes
// the application send comes after it; when there is no place yet, it does not wait for one. It does not come after Close.
func (p *publisher) publish(ctx context.Context, o *outgoing) error {
	if ctx.Err() != nil {
		o.here()
		return ctx.Err()
	}
	o.waits = true
	var err error
	if p.lone.Load() && o.ns.handy.due() && p.leading.CompareAndSwap(false, true) {
		err = p.publishLeading(o)
	} else if err = p.push(o); !tooLate(err) {
		o.here()
	}
	if errors.Is(err, ErrQueueFull) {
		err = p.pushWaiting(ctx, o)
	}
	if err != nil {
		return err
	}
	if ctx.Done() == nil {
		return <-o.done
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
func (p *publisher) run() {
	for {
		// Let those who were just told the outcome of a batch put their next message into this one.
		runtime.Gosched()
		more := p.queue.wait()
		p.turn.take() // in the end too: a caller may be sending
		p.flushAll()
		p.turn.leave()
		if !more {
			p.watch.timer.Stop()
			return
		}
	}
}

// publishLeading queues a message, does its local part, and sends what is queued on the caller's goroutine, unless somebody
// sends already: a lone caller is spared the waking of another goroutine, and being woken by it. While the local part lasts for
// too long, the other goroutine sends.
func (p *publisher) publishLeading(o *outgoing) error {
	defer p.leading.Store(false)
	_, err := p.pushQuietly(o)
	if tooLate(err) {
		return err
	}
	n := p.watch.begin()
	o.ns.handy.time(o.here)
	p.watch.end(n)
	if err == nil && p.turn.tryTake() {
		p.flushAll()
		p.turn.leave()
	}
	return err
}

// flushAll sends what is queued. The caller has the turn.
func (p *publisher) flushAll() {
	p.batch = p.queue.takeNow(p.batch)
	if len(p.batch) == 0 {
		return
	}
	p.lone.Store(len(p.batch) == 1)
	for rest := p.batch; len(rest) > 0; {
		n := round(rest)
		p.flush(p.ctx, rest[:n:n])
		rest = rest[n:]
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
			o.release()
			continue
		}
		switch goodbye := o.env.Type == codec.AdapterClose; {
		case o.ns.departed.Load():
			o.settle(ErrClosed)
			o.release()
			continue
		case goodbye:
			o.ns.departed.Store(true)
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
	if o.Err == nil {
		p.counts.published.Add(1)
	} else {
		p.counts.publishErrors.Add(1)
		if o.failed != nil {
			o.failed()
		}
		if !o.waits {
			p.report(o.Err)
		}
	}
	o.settle(o.Err)
	o.release()
}
