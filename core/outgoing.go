package core

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/internal/wire"
)

// outgoing is an operation: a message on its way to the bus, and what it does to this process's sockets. It is used again
// once nobody holds it any more: who made it, and the publisher while it has it.
type outgoing struct {
	wire.Outgoing
	env codec.Envelope
	ns  *Namespace

	forPeers bool // nobody but peers has a use for it

	applies bool   // in this process the message does what it does on the other nodes,
	instead func() // or this, if not nil

	fault   error        // of the local part: a *CallError
	done    chan error   // gets the outcome if waits is set
	waits   bool         // somebody waits for the outcome
	leaving func()       // called when the publisher takes it, if not nil
	failed  func()       // called when it was not sent, if not nil
	state   atomic.Int32 // isQueued, isTaken, isOver
	holders atomic.Int32
	returns bool // the node hears it itself once it is sent

	spilled bool      // it goes through the store. The rest is storing's:
	size    int       // bytes when it was queued there
	held    time.Time // when that was
	ready   bool      // it does not wait for the store any more
}

// The states of an outgoing. Exactly one change of each happens, so that done gets at most one outcome, and only while
// somebody waits for it.
const (
	isQueued = iota
	isTaken  // by the publisher
	isOver   // its outcome was told, or who waited for it has left
)

// operation makes an outgoing of env, which its maker has to release.
func (ns *Namespace) operation(env *codec.Envelope) *outgoing {
	o, ok := ns.cluster.outgoings.Get().(*outgoing)
	if !ok {
		o = &outgoing{done: make(chan error, 1)}
	}
	o.env, o.ns = *env, ns
	o.holders.Store(1)
	return o
}

// encode makes the message of o. It is ErrClosed once the namespace is closed.
func (o *outgoing) encode() error {
	ns := o.ns
	if ns.ctx.Err() != nil {
		return ErrClosed
	}
	o.env.UID, o.env.NSP = ns.uid, ns.name
	switch o.env.Type {
	case codec.InitialHeartbeat:
		o.env.CloseHash, o.env.Process = ns.closeHash, ns.cluster.process.id()
		ns.members.announcing.Store(true)
	case codec.Heartbeat:
		o.env.CloseHash, o.env.Process = ns.closeHash, ns.cluster.process.id()
	case codec.AdapterClose:
		o.env.CloseKey = ns.closeKey
	}
	var err error
	o.Outgoing, err = ns.cluster.wire.Outgoing(ns.channel, &o.env)
	return err
}

// publish sends o, does its local part without waiting for the bus, and waits for the outcome. An error of publishing does
// not stop the local part, but for ErrClosed.
func (o *outgoing) publish(ctx context.Context) error {
	switch err := o.encode(); {
	case tooLate(err):
		return err
	case err != nil:
		o.here()
		return o.with(err)
	}
	return o.with(o.ns.cluster.publisher.publish(ctx, o))
}

// queue sends o without waiting.
func (o *outgoing) queue() error {
	if err := o.encode(); err != nil {
		return err
	}
	return o.ns.cluster.publisher.send(o)
}

// alone does the local part only.
func (o *outgoing) alone() error {
	if o.ns.ctx.Err() != nil {
		return ErrClosed
	}
	o.here()
	return o.with(nil)
}

// here does to this process's sockets what there is to do.
func (o *outgoing) here() {
	guard.Do(func() {
		switch {
		case o.instead != nil:
			o.instead()
		case o.applies:
			o.ns.apply(&o.env)
		}
	}, o.failedHere)
}

// with adds to err, which may be nil, what has gone wrong in the local part.
func (o *outgoing) with(err error) error {
	if err == nil || o.fault == nil {
		return cmp.Or(err, o.fault)
	}
	return errors.Join(err, o.fault)
}

// release ends the use of o by one of those who hold it.
func (o *outgoing) release() {
	if o.holders.Add(-1) > 0 {
		return
	}
	o.Release()
	pool := &o.ns.cluster.outgoings
	*o = outgoing{done: o.done}
	pool.Put(o)
}

// leave is for who waits no longer, because of err. It returns the outcome if that is there. Otherwise a message that was still queued is
// not sent.
func (o *outgoing) leave(err error) error {
	switch {
	case o.state.CompareAndSwap(isQueued, isOver):
		return err // it is not sent
	case o.state.CompareAndSwap(isTaken, isOver):
		return unconfirmed(o, err)
	}
	return <-o.done
}

// unconfirmed is the error of a message whose outcome did not come in time.
func unconfirmed(o *outgoing, err error) error {
	return &OpError{Op: "publish", Channel: o.ns.channel, Err: wire.Unconfirmed(err)}
}
