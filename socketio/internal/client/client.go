package client

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// Client is one connection and its sockets. Its reader is the goroutine that calls Message. It is safe for
// concurrent use.
type Client struct {
	host   Host
	config *Config
	conn   *engineio.Conn

	// only for the reader
	decoder  parser.Decoder
	size     int           // bytes of the messages of an incomplete packet
	partial  quota.Account // counts size
	violated bool          // the client has broken the protocol, so what it sends is ignored

	awaited atomic.Int32 // acknowledgements that the server waits for

	mu      sync.Mutex // guards the fields below
	sockets sockets    // sockets that the client may send to, or has just been removed from
	queue   queue
	account quota.Account // counts the bytes of the queue
	working bool          // a goroutine works on the queue
	paused  bool          // nothing is read until Conn.Resume
	dead    bool          // what the client sends is ignored
	closed  bool          // the connection has ended
	left    bool          // Host.OnLeft was called
	cancel  func()        // see Hold; may be nil
	members int32         // sockets that are in their namespaces, or about to be
	live    int32         // sockets that have not ended, holds, and the connection
}

var (
	_ engineio.Receiver = (*Client)(nil)
	_ sched.Task        = (*Client)(nil)
)

// Init prepares a zero Client for a new connection.
func (c *Client) Init(conn *engineio.Conn, config *Config, host Host) {
	c.host, c.config, c.conn, c.live = host, config, conn, 1
	c.decoder.MaxAttachments = config.MaxAttachments
	c.decoder.MaxBytes = config.MaxAttachmentBytes
}

// Begin lets a client join "/" if that is what its protocol demands. It is called once, before Message.
func (c *Client) Begin() {
	if _, unasked := c.Protocol().(protocol4); unasked {
		c.push(task{kind: toConnect, socket: c.newSocket("/", noAuth)}, nil)
	}
}

// Conn returns the connection.
func (c *Client) Conn() *engineio.Conn { return c.conn }

// Protocol returns the protocol that the client uses.
func (c *Client) Protocol() Protocol { return protocolOf(c.conn) }

// Message implements engineio.Receiver.
func (c *Client) Message(binary bool, data []byte, here *sched.Slot) (more bool) {
	if c.violated {
		return true
	}
	c.size += len(data)
	var p *parser.Packet
	var err error
	if binary {
		p, err = c.decoder.Binary(data)
	} else {
		p, err = c.decoder.Text(data)
	}
	switch {
	case err != nil:
		if errors.Is(err, parser.ErrLimit) {
			_ = c.host.OnQuota(quota.Attachments)
		}
		c.violate("packet", err)
		c.Close(engineio.ParseError)
	case p != nil:
		size := c.size
		c.size = 0
		c.partial.Settle(c.config.Memory, 0)
		return c.route(p, size, here)
	case !c.partial.Settle(c.config.Memory, c.size):
		c.violated = true
		c.Expel(quota.Memory)
	}
	return true
}

// route passes a packet of size bytes on to its socket. more reports whether there is room for another packet.
func (c *Client) route(p *parser.Packet, size int, here *sched.Slot) (more bool) {
	protocol := c.Protocol()
	name, query := protocol.Split(p.Namespace)
	p.Namespace = name
	s := c.find(name)
	state := Connecting
	if s != nil {
		state = s.State()
	}
	switch {
	case p.Type == parser.Connect && (s == nil || state == Connecting || state == Disconnected):
		if err := c.mayJoin(s, size); err != nil {
			c.host.Refuse(p.Namespace, err)
			return true
		}
		socket := c.newSocket(name, protocol.Auth(p.Data, query))
		return c.push(task{kind: toConnect, socket: socket, size: size}, here)
	case s == nil || p.Type == parser.Connect || p.Type == parser.ConnectError || state == Connecting:
		c.violate("state", fmt.Errorf("unexpected %v packet for namespace %q", p.Type, excerpt.Of(p.Namespace)))
		c.Close(ForcedServerClose)
	case p.Type == parser.Event:
		timed := c.config.Counts.event()
		return c.push(task{kind: toHandle, socket: s, packet: p, size: size, timed: timed}, here)
	case p.Type == parser.Ack:
		c.config.Counts.ack()
		s.Acknowledge(p)
	case p.Type == parser.Disconnect:
		c.Remove(s)
		s.Lost(ClientDisconnect)
		return c.push(task{kind: toEnd, socket: s, reason: ClientDisconnect, size: size}, here)
	}
	return true
}

// violate records that the client has broken the protocol.
func (c *Client) violate(kind string, err error) {
	c.violated = true
	if j := c.config.Journal; j.Writes(&journal.ProtocolViolation) {
		j.Log(&journal.ProtocolViolation, slog.StringValue(kind), journal.Error(err))
	}
}

// Closed implements engineio.Receiver.
func (c *Client) Closed(reason engineio.Reason, err error) {
	c.host.OnClosed(reason, err)
	c.partial.Settle(c.config.Memory, 0)
	c.decoder = parser.Decoder{} // free the memory of an incomplete packet
	c.mu.Lock()
	c.closed, c.dead = true, true
	sockets, cancel := c.sockets.all(), c.cancel
	left := c.leftLocked()
	c.mu.Unlock()
	if left {
		c.host.OnLeft()
	}
	if cancel != nil {
		cancel()
	}
	for _, s := range sockets {
		s.Lost(string(reason))
	}
	c.enqueueFor(task{kind: toClose, reason: string(reason)})
}

// find returns the socket of a namespace, nil if there is none.
func (c *Client) find(namespace string) Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sockets.find(namespace)
}

// Sockets returns the client's sockets, in no particular order.
func (c *Client) Sockets() []Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sockets.all()
}

// Remove removes a socket, unless another one has replaced it.
func (c *Client) Remove(s Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets.remove(s)
}

// Send sends a frame to the client. It returns false if the frame was dropped.
func (c *Client) Send(f *wsframe.Frame, o engineio.SendOptions) bool {
	if c.conn.Send(f, o) {
		return true
	}
	if !o.Volatile {
		c.ignore() // the connection has ended
	}
	return false
}

// Close ends the connection.
func (c *Client) Close(reason engineio.Reason) {
	c.ignore()
	c.conn.Close(reason)
}

// Expel ends the connection because the client has reached a quota.
func (c *Client) Expel(q quota.Name) {
	_ = c.host.OnQuota(q)
	c.Close(engineio.Reason(q))
}

// ignore makes the client ignore everything that is received from now on.
func (c *Client) ignore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
}

// EnterNamespace counts a socket that is about to enter its namespace. It returns false if the connection has
// ended.
func (c *Client) EnterNamespace() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.members++
	}
	return !c.closed
}

// LeaveNamespace is called after EnterNamespace, when the socket has left its namespace.
func (c *Client) LeaveNamespace() {
	c.mu.Lock()
	c.members--
	left := c.leftLocked()
	c.mu.Unlock()
	if left {
		c.host.OnLeft()
	}
}

// leftLocked reports whether the caller has to call Host.OnLeft now. The caller holds mu.
func (c *Client) leftLocked() bool {
	if c.left || !c.closed || c.members > 0 {
		return false
	}
	c.left = true
	return true
}

// Joined records that the client has joined a namespace.
func (c *Client) Joined() {
	c.host.OnJoined()
	c.conn.Joined()
}

// Hold delays Host.OnReleased until Release is called. cancel is called if the connection ends before that.
// Hold returns false if the connection has ended.
func (c *Client) Hold(cancel func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.live++
	c.cancel = cancel
	return true
}

// Release is called after Hold, and when a socket has ended and no more functions will be called for it.
func (c *Client) Release() {
	c.mu.Lock()
	c.live--
	last := c.live == 0
	c.mu.Unlock()
	if last {
		c.host.OnReleased()
	}
}

// Ended reports whether the connection has ended.
func (c *Client) Ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
