package redisdriver

import (
	"context"
	"sync"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// shardSession receives from the nodes of a Redis Cluster on which its channels are. When one connection breaks, or a
// slot moves, the whole session ends: the cluster then reports that messages may be lost.
type shardSession struct {
	driver *Driver
	failed chan error // the first error of a connection

	mu     sync.Mutex            // guards all below
	to     *broker.Session       // nil until it reads
	conns  map[string]*shardConn // by address
	of     map[string]*shardConn // which connection has a channel
	closed bool
	group  sync.WaitGroup // the goroutines that read
}

// openShards opens a session. It connects to one node, to find out whether the Redis Cluster can be reached.
func (d *Driver) openShards(ctx context.Context) (transport.Session, error) {
	s := &shardSession{driver: d, failed: make(chan error, 1), conns: make(map[string]*shardConn),
		of: make(map[string]*shardConn)}
	if _, err := s.conn(ctx, d.key); err != nil {
		return nil, err
	}
	return broker.NewSession(broker.Config{
		Read: s.read, Subscribe: s.subscribe, Unsubscribe: s.unsubscribe, Close: s.close,
		Probe: s.probe, ProbeInterval: d.config.CheckInterval,
	}), nil
}

// conn returns the connection to the node that has a channel.
func (s *shardSession) conn(ctx context.Context, channel string) (*shardConn, error) {
	address, dialer, err := s.driver.shards.Owner(ctx, channel)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	c := s.conns[address]
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	opened, err := dialer.Connect(ctx)
	if err != nil {
		s.driver.shards.Lost(address, err)
		return nil, err
	}
	c = &shardConn{session: s, address: address, conn: opened, channels: make(map[string]struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		opened.Close()
		return nil, transport.ErrClosed
	}
	s.conns[address] = c
	if s.to != nil {
		s.start(c)
	}
	return c, nil
}

// start makes a goroutine read from a connection. The caller holds mu.
func (s *shardSession) start(c *shardConn) {
	to := s.to
	s.group.Go(func() {
		err := c.read(to)
		s.driver.shards.Lost(c.address, err)
		s.fail(err)
	})
}

// fail ends the session.
func (s *shardSession) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// read reads from all connections until one breaks. See broker.Config.
func (s *shardSession) read(to *broker.Session) error {
	s.mu.Lock()
	s.to = to
	for _, c := range s.conns {
		s.start(c)
	}
	s.mu.Unlock()
	err := <-s.failed
	_ = s.close()
	s.group.Wait()
	return err
}

// close closes all connections.
func (s *shardSession) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.conns {
		_ = c.conn.Close()
	}
	s.fail(transport.ErrClosed)
	return nil
}

// subscribe sends one command for each channel, because those of a command have to be in one slot.
func (s *shardSession) subscribe(ctx context.Context, channels ...string) (confirmations int, err error) {
	byConn := make(map[*shardConn][]string)
	for _, channel := range channels {
		if _, many := transport.CutPrefixName(channel); many {
			return 0, ErrPrefix
		}
		c, err := s.conn(ctx, s.driver.names.channel(channel))
		if err != nil {
			return 0, err
		}
		byConn[c] = append(byConn[c], channel)
		s.mu.Lock()
		s.of[channel] = c
		s.mu.Unlock()
	}
	for c, some := range byConn {
		if err := c.ask("SSUBSCRIBE", some); err != nil {
			return 0, err
		}
	}
	return len(channels), nil
}

func (s *shardSession) unsubscribe(_ context.Context, channels ...string) (confirmations int, err error) {
	byConn := make(map[*shardConn][]string)
	s.mu.Lock()
	for _, channel := range channels {
		c := s.of[channel]
		delete(s.of, channel)
		byConn[c] = append(byConn[c], channel)
	}
	s.mu.Unlock()
	for c, some := range byConn {
		if err := c.leave(some); err != nil {
			return 0, err
		}
	}
	return len(channels), nil
}

// probe asks all nodes for a sign of life. Each has to answer: one that hangs does not speak for the others.
func (s *shardSession) probe(context.Context) error {
	s.mu.Lock()
	conns := make([]*shardConn, 0, len(s.conns))
	for _, c := range s.conns {
		conns = append(conns, c)
	}
	to := s.to
	s.mu.Unlock()
	for _, c := range conns {
		if err := c.probe(); err != nil {
			s.driver.shards.Lost(c.address, err)
			return err
		}
	}
	if to != nil {
		to.Alive()
	}
	return nil
}
