package redisdriver

import (
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// shardConn is a connection of a session to one node of a Redis Cluster.
type shardConn struct {
	session    *shardSession
	address    string
	conn       *broker.Conn
	unanswered atomic.Int32 // probes since the last answer

	writing sync.Mutex // held while a command is made and written

	mu       sync.Mutex          // guards all below
	channels map[string]struct{} // those that the node has confirmed and that nobody has left
	leaving  int                 // how many confirmations of SUNSUBSCRIBE are expected
	claims   map[string]int      // how many confirmations of claims are expected, by channel
}

// maxUnanswered is how many probes in a row may remain without an answer, as in package broker.
const maxUnanswered = 10

func (c *shardConn) ask(command string, channels []string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.write(command, channels)
}

// write writes a command for each channel. The caller holds writing.
func (c *shardConn) write(command string, channels []string) error {
	var b []byte
	for _, channel := range channels {
		b = resp.AppendCommand(b, command, c.session.driver.names.channel(channel))
	}
	_, err := c.conn.Write(b)
	return server.Disconnected(err)
}

func (c *shardConn) leave(channels []string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	for _, channel := range channels {
		delete(c.channels, channel)
	}
	c.leaving += len(channels)
	c.mu.Unlock()
	return c.write("SUNSUBSCRIBE", channels)
}

// probe asks the node whether it is still a primary, and claims one of its channels again: the node refuses that if it
// is cut off from the others and does not allow it.
func (c *shardConn) probe() error {
	if c.unanswered.Add(1) > maxUnanswered {
		return broker.ErrSilent
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.write("SSUBSCRIBE", c.claim()); err != nil {
		return err
	}
	_, err := c.conn.Write(resp.AppendCommand(nil, "HELLO"))
	return server.Disconnected(err)
}

// claim returns a channel that the connection has, or none, and notes that its confirmation comes once more.
func (c *shardConn) claim() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for channel := range c.channels {
		if c.claims == nil {
			c.claims = make(map[string]int)
		}
		c.claims[channel]++
		return []string{channel}
	}
	return nil
}

// read passes on what the node sends, until the connection breaks or the node is not the right one any more.
func (c *shardConn) read(to *broker.Session) error {
	for {
		v, err := resp.Read(c.conn.In)
		if err != nil {
			return server.Disconnected(err)
		}
		switch v.Kind {
		case '>':
			err = c.push(to, v)
		case '%':
			c.unanswered.Store(0)
			err = server.CheckRole(v)
		default:
			err = server.Refused(v.Err())
		}
		if err != nil {
			return err
		}
	}
}

// push handles what the node sends to subscribers.
func (c *shardConn) push(to *broker.Session, v resp.Value) error {
	channel := c.session.driver.names.received(v.Item(1).Text())
	switch string(v.Item(0).Bytes) {
	case "smessage":
		to.Deliver(transport.Message{Channel: channel, Payload: v.Item(2).Bytes})
	case "sunsubscribe":
		c.mu.Lock()
		c.leaving--
		moved := c.leaving < 0
		c.mu.Unlock()
		if moved {
			return ErrMoved
		}
		to.Confirm()
	case "ssubscribe":
		c.mu.Lock()
		claimed := c.claims[channel] > 0
		if claimed {
			if c.claims[channel]--; c.claims[channel] == 0 {
				delete(c.claims, channel)
			}
		} else {
			c.channels[channel] = struct{}{}
		}
		c.mu.Unlock()
		if !claimed {
			to.Confirm()
		}
	}
	return nil
}
