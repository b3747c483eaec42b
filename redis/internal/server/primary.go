// Package server opens connections to the server that a client of go-redis is for, and finds out when that is the wrong
// one: after a failover, or when a slot of a Redis Cluster has moved.
//
// # Files
//
//   - primary.go: Primary, which connects
//   - greeting.go: the command with which a connection begins
//   - sentinel.go: asking Sentinel
//   - errors.go: what went wrong, and what to do
package server

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/transport/broker"
)

// Of a redis.UniversalClient, this package needs what says where to connect.
type (
	singleClient  interface{ Options() *redis.Options }
	clusterClient interface {
		MasterForKey(ctx context.Context, key string) (*redis.Client, error)
		ReloadState(ctx context.Context)
	}
)

// Primary is the primary server of a client, on a Redis Cluster the one that serves the slot of a key. It is safe for
// concurrent use.
type Primary struct {
	client  redis.UniversalClient
	key     string
	sharded bool
	owner   atomic.Pointer[string] // address of the node to which a redirection has pointed, or nil
	losses  atomic.Int64           // calls of Lost that said that the server is the wrong one
}

// conn is a connection to a server.
type conn struct {
	net.Conn
	hello  []byte // the command that introduces its client to the server
	losses int64  // Primary.losses when it was opened
}

// NetConn returns the connection below TLS, as that of crypto/tls does.
func (c *conn) NetConn() net.Conn {
	if below, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		return below.NetConn()
	}
	return c.Conn
}

// New returns the primary server of a client. It does no I/O.
func New(client redis.UniversalClient, key string) *Primary {
	_, sharded := client.(clusterClient)
	return &Primary{client: client, key: key, sharded: sharded}
}

// Sharded reports whether the server is a node of a Redis Cluster.
func (p *Primary) Sharded() bool { return p.sharded }

// Dialer returns a dialer whose connections are ready for commands.
func (p *Primary) Dialer() broker.Dialer { return broker.Dialer{Dial: p.dial, Hello: p.hello} }

func (p *Primary) dial(ctx context.Context) (net.Conn, error) {
	options, err := p.options(ctx)
	if err != nil {
		return nil, err
	}
	hello, err := greeting(ctx, options)
	if err != nil {
		return nil, err
	}
	losses, address := p.losses.Load(), options.Addr
	if owner := p.owner.Load(); owner != nil {
		address = *owner
	}
	opened, err := options.Dialer(ctx, options.Network, address)
	if err != nil {
		p.forget()
		return nil, err
	}
	return &conn{opened, hello, losses}, nil
}

// options returns the options of the client, on a Redis Cluster those for the node that serves the slot.
func (p *Primary) options(ctx context.Context) (*redis.Options, error) {
	switch client := p.client.(type) {
	case clusterClient:
		node, err := client.MasterForKey(ctx, p.key)
		if err != nil {
			return nil, err
		}
		return node.Options(), nil
	case singleClient:
		return client.Options(), nil
	}
	return nil, fmt.Errorf("%w, not a %T", ErrClient, p.client)
}

// hello introduces the client to the server, and finds out whether it is the right one.
func (p *Primary) hello(c *broker.Conn) error {
	if _, err := c.Write(c.Conn.(*conn).hello); err != nil {
		return Disconnected(err)
	}
	info, err := Reply(c.In)
	if err == nil {
		err = Refused(info.Err())
	}
	if err == nil {
		err = CheckRole(info)
	}
	if err != nil {
		p.Lost(err)
		p.forget()
		return err
	}
	if info.Kind != '%' {
		return ErrVersion
	}
	mode, version := info.Lookup("mode").Text(), info.Lookup("version").Text()
	if (mode == "cluster") != p.sharded {
		return fmt.Errorf("%w: the client is a %T, the server is of mode %q", ErrMode, p.client, mode)
	}
	if mode == "sentinel" {
		return fmt.Errorf("%w: this is a Sentinel", ErrMode)
	}
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); p.sharded && err == nil && n < 7 {
		return fmt.Errorf("%w: its version is %s", ErrVersion, version)
	}
	return nil
}

// Reply reads a reply, which may be an error.
func Reply(in *bufio.Reader) (resp.Value, error) {
	for {
		v, err := resp.Read(in)
		if err != nil {
			return v, Disconnected(err)
		}
		if v.Kind != '>' { // the server sends a push when it likes
			return v, nil
		}
	}
}

// CheckRole returns ErrReplica if the reply to HELLO says so.
func CheckRole(info resp.Value) error {
	if role := info.Lookup("role").Text(); role == "replica" || role == "slave" {
		return ErrReplica
	}
	return nil
}

// Stale reports whether a connection was opened before somebody has noticed that its server is the wrong one.
func (p *Primary) Stale(c *broker.Conn) bool { return c.Conn.(*conn).losses != p.losses.Load() }

// Lost makes the next connections go to the right server, if err says that this one is not.
func (p *Primary) Lost(err error) {
	if !isWrongServer(err) {
		return
	}
	p.losses.Add(1)
	if owner := redirection(err); owner != "" {
		p.owner.Store(&owner)
	} else {
		p.forget()
	}
}

// forget makes the next connection ask the Redis Cluster which node serves the slot.
func (p *Primary) forget() {
	p.owner.Store(nil)
	if cluster, ok := p.client.(clusterClient); ok {
		cluster.ReloadState(context.Background()) // in the background, so no context ends it
	}
}
