package core

import (
	"context"
	"errors"
	"time"
)

// NamespaceAsync is Namespace without waiting for the bus: the namespace can be used at once, and hears of its peers as
// soon as the bus lets it listen. What goes wrong is told to Config.ErrorHandler, and tried again. With ErrClosed comes a
// namespace all the same, which is closed.
func (c *Cluster) NamespaceAsync(name string, local Local) (*Namespace, error) {
	ns, err := c.newNamespace(name, local)
	if err != nil {
		return nil, err
	}
	err = c.register(ns, ns.open)
	switch {
	case errors.Is(err, ErrClosed):
		ns.closing.Store(true)
		ns.end()
		close(ns.closed)
		return ns, err
	case err != nil:
		return nil, err
	}
	return ns, nil
}

// WaitReady returns once the node receives what others send to the namespace, with ctx's error, or with ErrClosed.
func (ns *Namespace) WaitReady(ctx context.Context) error {
	select {
	case <-ns.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-ns.ctx.Done():
		return ErrClosed
	}
}

// open listens and announces the node. It tries until the namespace is closed.
func (ns *Namespace) open() {
	defer ns.opening.Done()
	c := ns.cluster
	for {
		err := c.listener.listen(ns.ctx, ns.channel)
		switch {
		case ns.ctx.Err() != nil:
			return
		case err == nil:
			ns.listens()
			ns.announce()
			return
		}
		c.report(&OpError{Op: "listen", Channel: ns.channel, Err: err})
		select {
		case <-time.After(c.config.MinBackoff):
		case <-ns.ctx.Done():
			return
		}
	}
}
