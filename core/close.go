package core

import (
	"context"

	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/transport"
)

// Close sends a leave message in every namespace, publishes what is queued, and returns once every goroutine has
// ended and every connection of the cluster is closed. When ctx ends before that, Close gives up the rest and returns
// ctx's error. Attachments that the store has not accepted after nine tenths of the time until ctx's deadline are
// given up and reported, so that the leave messages can still be published. A second call waits for the first one. If
// LocalSockets waits for Close, Close cannot finish before ctx ends.
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
		ns.closeWithCluster(ctx)
	}
	c.publisher.offload.close()
	defer c.publisher.offload.giveUpBefore(ctx)()
	select {
	case <-c.publisher.group.Done():
	case <-ctx.Done():
	}
	c.cancel()
	for _, ns := range c.all() {
		ns.queues.close()
	}
	c.group.Wait()
	if closer, ok := c.config.Bus.(transport.Closer); ok {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.PublishTimeout)
		defer cancel()
		if err := callRarely(func() error { return closer.Close(bounded) }); err != nil {
			c.report(&OpError{Op: "close the bus", Err: err})
		}
	}
	c.journal.Log(&journal.ClusterClosed)
	c.journal.Close()
}
