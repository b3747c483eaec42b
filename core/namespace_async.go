package core

import (
	"context"
	"errors"
)

// NamespaceAsync is Namespace without waiting for the bus. The namespace can be used at once, and learns of its peers
// as soon as it can listen. Errors are given to Config.ErrorHandler, and listening is tried again. If the cluster is
// closed, NamespaceAsync returns ErrClosed and a namespace that is closed.
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
	ns.watchRooms()
	ns.askToListen()
	return ns, nil
}

// WaitReady returns once this node receives what others send to the namespace, with ctx's error, or with ErrClosed.
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

// askToListen asks the listener to listen, unless the namespace is closed.
func (ns *Namespace) askToListen() {
	ns.opening.Lock()
	defer ns.opening.Unlock()
	if ns.ctx.Err() == nil {
		ns.listens = ns.cluster.listener.acquire(ns.names, ns.listenDone)
	}
}

// listenDone announces the node once it listens. The receiving goroutine calls it. After an error the ticker tries
// again.
func (ns *Namespace) listenDone(err error) {
	switch {
	case ns.ctx.Err() != nil || errors.Is(err, ErrClosed):
	case err != nil:
		ns.cluster.report(&OpError{Op: "listen", Channel: ns.channel, Err: err})
		ns.mustListenAgain.Store(true)
	case ns.rooms != nil:
		ns.cluster.group.Go(func() { // the receiving goroutine listens to the rooms
			ns.rooms.awaitAll()
			if ns.ctx.Err() == nil {
				ns.listensNow()
			}
		})
	default:
		ns.listensNow()
	}
}

func (ns *Namespace) listensNow() {
	if ns.log != nil {
		ns.cluster.group.Go(ns.log.startWithRetries)
	}
	ns.nowListens()
	ns.presence.enterAsync()
}
