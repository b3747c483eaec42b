package core

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// keep decides whether the log keeps the message, and who applies it to this process's sockets.
func (o *outgoing) keep() {
	if o.ns.log == nil || !o.ns.cluster.wire.Keeps(&o.env) {
		return
	}
	o.Keep = true
	if o.applies {
		o.ns.log.begin(o)
	}
}

// certainlyNotKept reports whether err says that a message was not kept. If its outcome is unknown, it may be.
func certainlyNotKept(err error) bool { return err != nil && !errors.Is(err, ErrUnconfirmed) }

// deliverHere applies a message to this process's sockets that would have come back from the log, but was not kept.
func (o *outgoing) deliverHere() {
	if !o.returnsFirst {
		return
	}
	ns, env := o.ns, o.env
	ns.queues.messages.do(func() { ns.handleMessage(&env, Position{}) })
}

// keepLog starts what a log needs.
func (c *Cluster) keepLog() {
	if c.config.Log == nil {
		return
	}
	if t, ok := c.config.Bus.(transport.LogTrimmer); ok {
		c.group.Go(func() { c.trimLog(t) })
	}
	if o, ok := c.config.Bus.(transport.Outbox); ok {
		c.group.Go(func() { c.moveOutbox(o) })
	}
}

const (
	trimInterval   = time.Second
	outboxInterval = 50 * time.Millisecond
)

// trimLog removes what need not be kept any more, until the cluster is closed.
func (c *Cluster) trimLog(t transport.LogTrimmer) {
	c.repeat("trim the log", func(ctx context.Context) (time.Duration, error) {
		return trimInterval, t.TrimLog(ctx, c.config.Log.retention())
	})
}

// moveOutbox moves what transactions of the application have appended into the log, until the cluster is closed.
func (c *Cluster) moveOutbox(o transport.Outbox) {
	c.repeat("move the outbox", func(ctx context.Context) (time.Duration, error) {
		_, more, err := o.MoveOutbox(ctx)
		if more && err == nil {
			return 0, nil
		}
		return outboxInterval, err
	})
}

// repeat calls f until the cluster is closed. f returns how long to wait. Errors are reported when they change from
// none, and make the waits longer.
func (c *Cluster) repeat(op string, f func(context.Context) (time.Duration, error)) {
	failed := time.Duration(0)
	for {
		var wait time.Duration
		ctx, cancel := context.WithTimeout(c.ctx, c.config.PublishTimeout)
		err := callRarely(func() (err error) {
			wait, err = f(ctx)
			return err
		})
		cancel()
		switch {
		case c.ctx.Err() != nil:
			return
		case err == nil:
			failed = 0
		default:
			if failed == 0 {
				c.report(&OpError{Op: op, Err: err})
			}
			failed = min(max(2*failed, c.config.MinBackoff), c.config.MaxBackoff)
			wait = max(wait, failed)
		}
		select {
		case <-time.After(wait):
		case <-c.ctx.Done():
			return
		}
	}
}

// Sessions returns the store of clients' sessions that the bus or the store of the cluster offers, or nil.
func (c *Cluster) Sessions() storage.Sessions {
	if s, ok := c.config.Bus.(storage.Sessions); ok {
		return s
	}
	s, _ := c.config.Store.(storage.Sessions)
	return s
}

// AwaySessions returns the store of sessions that the bus shares with other programs, and their form, if the dialect of
// the cluster has one. Otherwise they are nil.
func (c *Cluster) AwaySessions() (storage.AwaySessions, dialect.Shared) {
	form := c.wire.Shared()
	s, ok := c.config.Bus.(storage.AwaySessions)
	if form == nil || !ok || c.config.Log == nil {
		return nil, nil
	}
	return s, form
}

// LogOrder reports whether the messages of the namespace are kept, and in which order this node's own clients get them.
func (ns *Namespace) LogOrder() (order Order, logged bool) {
	if ns.log == nil {
		return 0, false
	}
	return ns.log.order, true
}
