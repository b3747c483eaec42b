package redisdriver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// ListensToPrefixes implements transport.PrefixListener. There are no patterns for SSUBSCRIBE.
func (d *Driver) ListensToPrefixes() bool { return !d.sharded }

// Listeners implements transport.Counter, with PUBSUB NUMSUB or SHARDNUMSUB. With Config.RawNames on a Redis Cluster,
// each node knows its own clients: all are asked, and the numbers added.
func (d *Driver) Listeners(ctx context.Context, channels ...string) ([]int, error) {
	if len(channels) == 0 {
		return nil, ctx.Err()
	}
	if d.config.RawNames && d.primary.Sharded() {
		return d.nodes.listeners(ctx, d, channels)
	}
	var counts []int
	err := d.publisher.Do(ctx, func(c *broker.Conn) (err error) {
		if d.primary.Stale(c) {
			return fmt.Errorf("%w: %w", transport.ErrNotSent, ErrMoved)
		}
		if counts, err = d.count(c, channels); err != nil {
			return err
		}
		return d.checkPrimary(c)
	})
	return counts, err
}

// count asks a server how many of its clients listen to channels.
func (d *Driver) count(c *broker.Conn, channels []string) ([]int, error) {
	b := resp.AppendArg(resp.AppendHeader(nil, 2+len(channels)), "PUBSUB")
	if d.sharded {
		b = resp.AppendArg(b, "SHARDNUMSUB")
	} else {
		b = resp.AppendArg(b, "NUMSUB")
	}
	for _, channel := range channels {
		b = resp.AppendArg(b, d.names.channel(channel))
	}
	if _, err := c.Write(b); err != nil {
		return nil, server.Disconnected(err)
	}
	reply, err := server.Reply(c.In)
	if err == nil {
		err = server.Refused(reply.Err())
	}
	if err != nil {
		return nil, err
	}
	counts := make([]int, len(channels))
	for i := range counts {
		if counts[i], err = strconv.Atoi(reply.Item(2*i + 1).Text()); err != nil {
			return nil, fmt.Errorf("redisdriver: the reply to PUBSUB is not one number for each channel: %w", err)
		}
	}
	return counts, nil
}

// checkPrimary makes sure that the server is the primary: the clients of a replica are others.
func (d *Driver) checkPrimary(c *broker.Conn) error {
	if _, err := c.Write(resp.AppendCommand(nil, "HELLO")); err != nil {
		return server.Disconnected(err)
	}
	info, err := server.Reply(c.In)
	if err != nil {
		return err
	}
	err = server.CheckRole(info)
	d.primary.Lost(err)
	return err
}

// nodes are connections to all nodes of a Redis Cluster. The zero value has none.
type nodes struct {
	mu         sync.Mutex                   // guards all below
	publishers map[string]*broker.Publisher // by address
	closed     bool
}

// listeners adds what all nodes count.
func (n *nodes) listeners(ctx context.Context, d *Driver, channels []string) ([]int, error) {
	dialers, err := d.primary.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	total := make([]int, len(channels))
	for address, dialer := range dialers {
		publisher, err := n.publisher(address, dialer)
		if err != nil {
			return nil, err
		}
		err = publisher.Do(ctx, func(c *broker.Conn) error {
			counts, err := d.count(c, channels)
			for i, count := range counts {
				total[i] += count
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("redisdriver: node %s: %w", address, err)
		}
	}
	return total, nil
}

func (n *nodes) publisher(address string, dialer broker.Dialer) (*broker.Publisher, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, transport.ErrClosed
	}
	if n.publishers == nil {
		n.publishers = make(map[string]*broker.Publisher)
	}
	if n.publishers[address] == nil {
		n.publishers[address] = broker.NewPublisher(dialer)
	}
	return n.publishers[address], nil
}

func (n *nodes) close(ctx context.Context) (err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, p := range n.publishers {
		err = errors.Join(err, p.Close(ctx))
	}
	n.publishers = nil
	return err
}
