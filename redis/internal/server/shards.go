package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/transport/broker"
)

// Shards finds the nodes of a Redis Cluster that serve channels. It is safe for concurrent use. Make one with
// NewShards.
type Shards struct {
	client clusterClient

	mu    sync.Mutex     // guards moved
	moved map[int]string // addresses to which the cluster has redirected, by slot
}

// NewShards returns nil if the client is not one for a Redis Cluster. It does no I/O.
func NewShards(client redis.UniversalClient) *Shards {
	cluster, ok := client.(clusterClient)
	if !ok {
		return nil
	}
	return &Shards{client: cluster, moved: make(map[int]string)}
}

// Owner returns the address of the node that serves a channel, and how to connect to it.
func (s *Shards) Owner(ctx context.Context, channel string) (address string, dialer broker.Dialer, err error) {
	node, err := s.client.MasterForKey(ctx, channel)
	if err != nil {
		return "", broker.Dialer{}, err
	}
	options := *node.Options()
	s.mu.Lock()
	if moved := s.moved[Slot(channel)]; moved != "" {
		options.Addr = moved
	}
	s.mu.Unlock()
	dialer = nodeDialer(&options)
	hello := dialer.Hello
	dialer.Hello = func(c *broker.Conn) error {
		err := hello(c)
		s.Lost(options.Addr, err)
		return err
	}
	return options.Addr, dialer, nil
}

// Lost makes the next call of Owner return the right node, if err, which came from the node at an address, says that
// this one is not, or that it cannot be reached.
func (s *Shards) Lost(address string, err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	if owner, slot := redirection(err), redirectedSlot(err); owner != "" && slot >= 0 {
		s.moved[slot] = owner
	} else {
		for slot, owner := range s.moved {
			if owner == address {
				delete(s.moved, slot)
			}
		}
	}
	s.mu.Unlock()
	s.client.ReloadState(context.Background()) // in the background, so no context ends it
}

// redirectedSlot returns the slot that has moved: "MOVED 866 127.0.0.1:7001". It is -1 if there is none.
func redirectedSlot(err error) int {
	var reply *resp.Error
	if !errors.As(err, &reply) || reply.Code() != "MOVED" {
		return -1
	}
	fields := strings.Fields(reply.Text)
	if len(fields) < 2 {
		return -1
	}
	slot, err := strconv.Atoi(fields[1])
	if err != nil || slot < 0 || slot >= slots {
		return -1
	}
	return slot
}
