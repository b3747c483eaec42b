package redisdriver

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// session receives over a connection.
type session struct {
	driver *Driver
	conn   *broker.Conn
	places *places // nil for a session that returns no positions
	// leaving is the number of channels whose subscription this session has asked the server to end. The server ends
	// others by itself when a node of a Redis Cluster does not serve them any more.
	leaving atomic.Int64
	probes  int // only for the goroutine that probes
}

// Open connects to the server. See transport.Bus.
func (d *Driver) Open(ctx context.Context) (transport.Session, error) {
	if d.shards != nil {
		return d.openShards(ctx)
	}
	s, err := d.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// open opens a session that returns positions, unless places is nil.
func (d *Driver) open(ctx context.Context, places *places) (*broker.Session, error) {
	hello := d.claim
	if places != nil {
		hello = func(c *broker.Conn) error {
			if err := d.claim(c); err != nil {
				return err
			}
			return d.hearPositions(c)
		}
	}
	for redirects := 0; ; redirects++ {
		c, err := broker.Dialer{Dial: d.sessions.Dialer().Dial, Hello: hello}.Connect(ctx)
		if err == nil {
			return d.newSession(c, places), nil
		}
		if redirects == maxRedirects || !errors.Is(err, ErrMoved) {
			return nil, err
		}
	}
}

// claim introduces the client to the server. On a Redis Cluster it listens to the channel without a name, to which
// nobody publishes: the node redirects a client that is wrong there, and tells one that is not right any more.
func (d *Driver) claim(c *broker.Conn) error {
	if err := d.sessions.Dialer().Hello(c); err != nil || !d.oneSlot {
		return err
	}
	if _, err := c.Write(d.appendClaim(nil)); err != nil {
		return server.Disconnected(err)
	}
	v, err := resp.Read(c.In)
	if err == nil {
		err = server.Refused(v.Err())
	} else {
		err = server.Disconnected(err)
	}
	d.sessions.Lost(err)
	return err
}

func (d *Driver) appendClaim(b []byte) []byte {
	return resp.AppendCommand(b, "SSUBSCRIBE", d.names.prefix)
}

func (d *Driver) newSession(c *broker.Conn, places *places) *broker.Session {
	s := &session{driver: d, conn: c, places: places}
	return broker.NewSession(broker.Config{
		Read: s.read,
		Subscribe: func(_ context.Context, channels ...string) (int, error) {
			return len(channels), s.ask("SUBSCRIBE", channels)
		},
		Unsubscribe: func(_ context.Context, channels ...string) (int, error) {
			s.leaving.Add(int64(len(channels)))
			return len(channels), s.ask("UNSUBSCRIBE", channels)
		},
		Close:         c.Close,
		Probe:         s.probe,
		ProbeInterval: d.config.CheckInterval,
	})
}

// sentinelInterval is how many questions to the server there are for one to Sentinel.
const sentinelInterval = 5

// probe asks the server whether it is still the primary.
func (s *session) probe(ctx context.Context) error {
	if s.probes++; s.probes%sentinelInterval == 0 {
		if err := s.driver.sessions.AskSentinel(ctx, s.conn); err != nil {
			s.driver.sessions.Lost(err)
			return err
		}
	}
	var b []byte
	if s.driver.oneSlot {
		b = s.driver.appendClaim(b) // refused if the node is cut off and does not allow that
	}
	return s.write(resp.AppendCommand(b, "HELLO"))
}

// ask sends a command for channels, and a second one for prefixes if there are any.
func (s *session) ask(command string, channels []string) error {
	var plain, patterns []string
	for _, channel := range channels {
		if pattern, ok := s.driver.names.pattern(channel); ok {
			patterns = append(patterns, pattern)
		} else {
			plain = append(plain, s.driver.names.channel(channel))
		}
	}
	if len(patterns) > 0 && s.driver.sharded {
		return ErrPrefix
	}
	var b []byte
	if len(plain) > 0 {
		b = resp.AppendCommand(b, append([]string{s.driver.command(command)}, plain...)...)
	}
	if len(patterns) > 0 {
		b = resp.AppendCommand(b, append([]string{"P" + command}, patterns...)...)
	}
	return s.write(b)
}

// write may be called by several goroutines: net.Conn does not mix their bytes.
func (s *session) write(b []byte) error {
	_, err := s.conn.Write(b)
	return server.Disconnected(err)
}

// read passes on what the server sends, until the connection breaks or the server is not the right one any more.
func (s *session) read(to *broker.Session) error {
	for {
		v, err := resp.Read(s.conn.In)
		if err != nil {
			return server.Disconnected(err)
		}
		switch v.Kind {
		case '>':
			err = s.push(to, v)
		case '%':
			to.Alive()
			err = server.CheckRole(v)
		default:
			err = server.Refused(v.Err())
		}
		if err != nil {
			s.driver.sessions.Lost(err)
			return err
		}
	}
}

// push handles what the server sends to subscribers.
func (s *session) push(to *broker.Session, v resp.Value) error {
	channel := s.driver.names.received(v.Item(1).Text())
	switch kind := string(v.Item(0).Bytes); kind {
	case "message", "smessage":
		return s.message(to, transport.Message{Channel: channel, Payload: v.Item(2).Bytes})
	case "pmessage":
		to.Deliver(transport.Message{Channel: s.driver.names.matched(v.Item(1).Text()), Payload: v.Item(3).Bytes})
	case "unsubscribe", "sunsubscribe", "punsubscribe":
		if s.leaving.Add(-1) < 0 {
			return ErrMoved
		}
		to.Confirm()
	case "subscribe", "ssubscribe", "psubscribe":
		if channel != "" {
			to.Confirm()
		}
	}
	return nil
}

// message passes on a message with its position, if the session returns them.
func (s *session) message(to *broker.Session, m transport.Message) error {
	switch {
	case m.Channel == "":
	case s.places == nil:
		to.Deliver(m)
	case m.Channel == headers:
		return s.places.header(m.Payload)
	default:
		r, err := s.places.record(m)
		if err != nil {
			return err
		}
		to.DeliverRecord(r)
	}
	return nil
}
