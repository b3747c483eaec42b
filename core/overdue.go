package core

import (
	"context"
	"errors"
	"slices"
	"time"
)

// A bus, or a store, must return when its context ends. The cluster does not rely on it: a call that has not returned grace
// after its deadline is stuck. Those who wait for it are told that the fate of their message is not known. Until the
// call returns nothing else can be sent, because that would change the order, and so no message is queued.

// grace is how much later than its deadline a call of the bus may return.
const grace = 50 * time.Millisecond

// errStuck is why nothing is queued.
var errStuck = errors.New("the bus has not returned from an earlier call, the message was not sent")

func newPublisher(p *publisher) *publisher {
	p.watchdog = time.AfterFunc(time.Hour, p.overdue)
	p.watchdog.Stop()
	return p
}

// departs notes that a batch is handed to the bus.
func (p *publisher) departs(batch []*outgoing, now time.Time) {
	limit := p.sender.Timeout + grace
	p.mu.Lock()
	p.flight, p.deadline = batch, now.Add(limit)
	p.mu.Unlock()
	p.watchdog.Reset(limit)
}

// returned notes that the bus has returned.
func (p *publisher) returned() {
	p.watchdog.Stop()
	p.mu.Lock()
	p.flight = nil
	stuck := p.stuck
	p.stuck = false
	p.mu.Unlock()
	if stuck {
		p.queue.resume()
	}
}

// overdue tells those who wait that the bus is stuck, if it is.
func (p *publisher) overdue() {
	p.mu.Lock()
	if p.flight == nil || time.Now().Before(p.deadline) {
		p.mu.Unlock()
		return // it was another batch's
	}
	p.stuck = true
	flight := slices.Clone(p.flight)
	for _, o := range flight {
		o.holders.Add(1)
	}
	waiting := p.queue.suspend(&OpError{Op: "publish", Err: errStuck})
	p.mu.Unlock()
	for _, o := range flight {
		p.settle(o, unconfirmed(o, context.DeadlineExceeded))
		o.release()
	}
	for _, o := range waiting {
		if o.state.CompareAndSwap(isQueued, isTaken) {
			p.counts.publishErrors.Add(1)
			p.settle(o, &OpError{Op: "publish", Channel: o.Channel, Err: errStuck})
		}
		o.release()
	}
}
