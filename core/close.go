package core

import (
	"context"

	"github.com/backplane-go/backplane/transport"
)

// Close says goodbye in every namespace, publishes what is queued, and returns once every goroutine has ended and
// every connection of the cluster is closed. When ctx ends before that, what is left is given up and ctx's error
// returned. Large messages that the store has not taken when nine tenths of the time until ctx's deadline are over are given up,
// and reported, so that the goodbyes still go out. Closing again waits for the first to finish. A Local that waits for Close makes
// it wait for ctx.
func (c *Cluster) Close(ctx context.Context) error {
	c.mu.Lock()
	first := c.state != isClosing
	c.state = isClosing
	c.mu.Unlock()
	if first {
		go c.shutdown(ctx)
	}
	select {
	case <-c.closed:
		return nil
	case <-ctx.Done():
		c.cancel()
		return ctx.Err()
	}
}

func (c *Cluster) shutdown(ctx context.Context) {
	defer close(c.closed)
	for _, ns := range c.all() {
		ns.farewell(ctx)
	}
	c.publisher.offload.close()
	defer c.publisher.offload.giveUpBefore(ctx)()
	if c.isRunning() {
		select {
		case <-c.publisher.group.Done():
		case <-ctx.Done():
		}
	}
	c.cancel()
	for _, ns := range c.all() {
		ns.lanes.close()
	}
	c.group.Wait()
	if closer, ok := c.config.Bus.(transport.Closer); ok {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.PublishTimeout)
		defer cancel()
		if err := rarely(func() error { return closer.Close(bounded) }); err != nil {
			c.report(&OpError{Op: "close the bus", Err: err})
		}
	}
}

func (c *Cluster) isRunning() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.running
}
