package core

import (
	"context"
	"slices"
	"time"

	"github.com/backplane-go/backplane/internal/wire"
)

// A bus must return when its context ends. The cluster does not rely on it: a call that has not returned wire.Grace after its
// deadline is stuck. Those who wait for it are told that the fate of their message is not known. A wire.Storer watches the store.

func newPublisher(p *publisher) *publisher {
	p.watchdog = time.AfterFunc(time.Hour, p.overdue)
	p.watchdog.Stop()
	return p
}

// limit is how long the bus may have a batch.
func (p *publisher) limit() time.Duration { return p.sender.Timeout + wire.Grace }

// departs notes that a batch is handed to the bus.
func (p *publisher) departs(batch []*outgoing, now time.Time) {
	p.mu.Lock()
	p.flight, p.deadline = batch, now.Add(p.limit())
	p.mu.Unlock()
	p.watchdog.Reset(p.limit())
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
	handed := p.deadline.Add(-p.limit())
	flight := slices.Clone(p.flight)
	for _, o := range flight {
		o.holders.Add(1)
	}
	waiting := p.queue.suspend(&OpError{Op: "publish", Err: wire.ErrStuck})
	p.mu.Unlock()
	p.expects(handed, true)
	for _, o := range flight {
		p.settle(o, unconfirmed(o, context.DeadlineExceeded))
		o.release()
	}
	for _, o := range waiting {
		p.fail(o, &OpError{Op: "publish", Channel: o.Channel, Err: wire.ErrStuck})
	}
}
