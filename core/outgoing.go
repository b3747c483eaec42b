package core

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/groupcommit"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/internal/wire"
)

// outgoing is one operation: a message to the other nodes, and what it does to this process's sockets. Its maker
// holds it, and so does the publisher from queueing to the outcome. When both have released it, its memory is reused.
type outgoing struct {
	wire.Outgoing
	env codec.Envelope
	ns  *Namespace

	forPeers bool // nobody but peers uses the message

	// applies says that the operation is applied to this process's sockets as it is on the other nodes. localPart,
	// unless nil, is called in place of that.
	applies   bool
	localPart func()
	// The log keeps the message. returnsFirst: it is applied here when it comes back. early: it was applied here
	// before the namespace had started to read its log.
	returnsFirst, early bool

	fault    error      // of the local part: a *CallError
	done     chan error // gets the outcome if waits is set
	waits    bool       // a caller waits for the outcome
	onTaken  func()     // called when the message leaves the queue; may be nil
	onFailed func()     // called when the message was not published; may be nil
	ticket   groupcommit.Ticket
	holders  atomic.Int32
	returns  bool // this node receives the message too once it is published

	// The rest belongs to offload.
	offloaded bool      // the message has an attachment
	size      int       // bytes when offload got it
	since     time.Time // when that was
	ready     bool      // it no longer waits for the store
}

// operation returns an outgoing for env, which its maker has to release.
func (ns *Namespace) operation(env *codec.Envelope) *outgoing {
	o, ok := ns.cluster.outgoings.Get().(*outgoing)
	if !ok {
		o = &outgoing{done: make(chan error, 1)}
	}
	o.env, o.ns = *env, ns
	o.holders.Store(1)
	return o
}

// encode encodes the message. It returns ErrClosed if the namespace is closed.
func (o *outgoing) encode() error {
	ns := o.ns
	if ns.ctx.Err() != nil {
		return ErrClosed
	}
	o.env.UID, o.env.NSP = ns.uid, ns.name
	switch o.env.Type {
	case codec.InitialHeartbeat, codec.Heartbeat, codec.AdapterClose:
		if ns.presence != nil { // the process's own namespace has none
			ns.presence.prepare(&o.env)
		}
	}
	var err error
	o.Outgoing, err = ns.cluster.wire.Outgoing(ns.route.Channel(&o.env), &o.env)
	if err == nil {
		o.keep()
	}
	return err
}

// publish publishes the message, applies the operation here, and waits for the outcome. The operation is applied here
// even if publishing fails, unless the namespace is closed.
func (o *outgoing) publish(ctx context.Context) error {
	switch err := o.encode(); {
	case refused(err):
		return err
	case err != nil:
		o.applyHere()
		return o.withFault(err)
	}
	return o.withFault(o.ns.cluster.publisher.publish(ctx, o))
}

// publishAsync publishes the message without waiting. It does not apply the operation here.
func (o *outgoing) publishAsync() error {
	if err := o.encode(); err != nil {
		return err
	}
	return o.ns.cluster.publisher.publishAsync(o)
}

// applyOnlyHere applies the operation here and publishes nothing.
func (o *outgoing) applyOnlyHere() error {
	if o.ns.ctx.Err() != nil {
		return ErrClosed
	}
	o.applyHere()
	return o.withFault(nil)
}

// applyHere applies the operation to this process's sockets.
func (o *outgoing) applyHere() {
	guard.Do(func() {
		switch {
		case o.localPart != nil:
			o.localPart()
		case o.applies:
			o.ns.apply(&o.env, Position{})
		}
	}, o.localPartFailed)
}

// withFault joins err, which may be nil, and the error of the local part.
func (o *outgoing) withFault(err error) error {
	if err == nil || o.fault == nil {
		return cmp.Or(err, o.fault)
	}
	return errors.Join(err, o.fault)
}

// release is called once by each holder.
func (o *outgoing) release() {
	if o.holders.Add(-1) > 0 {
		return
	}
	if o.early {
		o.ns.log.earlyDone(o.Position)
	}
	o.Release()
	pool := &o.ns.cluster.outgoings
	*o = outgoing{done: o.done}
	pool.Put(o)
}

// stopWaiting is called by a caller that cannot wait longer because of err. It returns the outcome if there is one. A
// message that is still queued will not be published.
func (o *outgoing) stopWaiting(err error) error {
	switch {
	case o.ticket.Withdraw():
		o.deliverHere()
		return err
	case o.ticket.Abandon():
		return unconfirmed(o, err)
	}
	return <-o.done
}

// unconfirmed returns the error of a message whose outcome is unknown.
func unconfirmed(o *outgoing, err error) error {
	return &OpError{Op: "publish", Channel: o.ns.channel, Err: wire.Unconfirmed(err)}
}
