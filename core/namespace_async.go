package core

import (
	"context"
	"errors"
)

// NamespaceAsync is Namespace without waiting for the bus: the namespace can be used at once, and hears of its peers as
// soon as the bus lets it listen. What goes wrong is told to Config.ErrorHandler, and tried again. With ErrClosed comes a
// namespace all the same, which is closed.
func (c *Cluster) NamespaceAsync(name string, local LocalSockets) (*Namespace, error) {
	ns, err := c.newNamespace(name, local)
	if err != nil {
		return nil, err
	}
	err = c.register(ns)
	switch {
	case errors.Is(err, ErrClosed):
		ns.closing.Store(true)
		ns.end()
		close(ns.closed)
		return ns, err
	case err != nil:
		return nil, err
	}
	ns.open()
	return ns, nil
}

// WaitReady returns once the node receives what others send to the namespace, with ctx's error, or with ErrClosed.
func (ns *Namespace) WaitReady(ctx context.Context) error {
	select {
	case <-ns.ready:
	case <-ctx.Done():
		return ctx.Err()
	case <-ns.ctx.Done():
	}
	if ns.ctx.Err() != nil {
		return ErrClosed
	}
	return nil
}

// open asks the listener to listen, unless the namespace was closed.
func (ns *Namespace) open() {
	ns.opening.Lock()
	defer ns.opening.Unlock()
	if ns.ctx.Err() == nil {
		ns.cluster.listener.ask(ns.channel, true, ns.opened)
	}
}

// opened announces the node once it listens. It is called by the receiving goroutine. What went wrong is tried again by
// the ticker, unless the namespace was closed.
func (ns *Namespace) opened(err error) {
	switch {
	case ns.ctx.Err() != nil || errors.Is(err, ErrClosed):
	case err != nil:
		ns.cluster.report(&OpError{Op: "listen", Channel: ns.channel, Err: err})
		ns.refused.Store(true)
	default:
		ns.listens()
		ns.announce()
	}
}
