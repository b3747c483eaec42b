package server

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/transport/broker"
)

// Nodes returns dialers for all nodes of a Redis Cluster, by their addresses, the replicas among them.
func (p *Primary) Nodes(ctx context.Context) (map[string]broker.Dialer, error) {
	cluster, ok := p.client.(interface {
		ForEachShard(ctx context.Context, f func(context.Context, *redis.Client) error) error
	})
	if !ok {
		return nil, fmt.Errorf("%w, not a %T", ErrClient, p.client)
	}
	var mu sync.Mutex
	all := make(map[string]broker.Dialer)
	err := cluster.ForEachShard(ctx, func(_ context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		all[node.Options().Addr] = nodeDialer(node.Options())
		return nil
	})
	return all, err
}

func nodeDialer(o *redis.Options) broker.Dialer {
	return broker.Dialer{
		Dial: func(ctx context.Context) (net.Conn, error) {
			hello, err := greeting(ctx, o)
			if err != nil {
				return nil, err
			}
			opened, err := o.Dialer(ctx, o.Network, o.Addr)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: opened, hello: hello}, nil
		},
		Hello: func(c *broker.Conn) error {
			if _, err := c.Write(c.Conn.(*conn).hello); err != nil {
				return Disconnected(err)
			}
			info, err := Reply(c.In)
			if err != nil {
				return err
			}
			return Refused(info.Err())
		},
	}
}
