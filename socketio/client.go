package socketio

import (
	"container/list"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// client is one connection and the namespaces that it has joined. Its reader is the goroutine that calls Message; whatever
// calls the application runs in its worker, a goroutine that exists while there is work.
type client struct {
	server *Server
	conn   *engineio.Conn

	place  *place        // in the lobby
	review *list.Element // in the reauthenticator, which guards it

	// the reader's
	decoder parser.Decoder
	size    int           // of the messages of the packet that is being put together
	half    quota.Account // of size
	deaf    bool          // the client has broken the rules, what it sends means nothing

	awaiting atomic.Int32 // acknowledgements

	mu      sync.Mutex  // guards all below
	sockets memberships // those that the client may talk to, or was told not to
	queue   workQueue
	account quota.Account // of the queue
	working bool          // there is a worker
	paused  bool          // nothing is handed over until Resume
	dead    bool          // nothing that comes counts any more
	closed  bool          // the connection has ended
	counted bool          // by ClientsCount
	cancel  func()        // of who decides whether the client may stay, if not nil
	members int32         // sockets that are in their namespaces, or about to be
	live    int32         // sockets that were made and have not ended, and the connection
}

var (
	_ engineio.Receiver = (*client)(nil)
	_ sched.Task        = (*client)(nil)
)

func newClient(s *Server, conn *engineio.Conn) *client {
	c := &client{server: s, conn: conn, live: 1, counted: true}
	s.connected.Add(1)
	c.decoder.MaxAttachments = s.config.MaxAttachments
	c.decoder.MaxBytes = s.config.MaxAttachmentBytes
	return c
}

// joined is called when the client has joined a namespace.
func (c *client) joined() {
	c.server.lobby.leave(c.place)
	c.conn.Joined()
}

// expel disconnects a client that has reached a quota.
func (c *client) expel(q Quota) {
	c.reached(q, nil)
	c.close(engineio.Reason(q))
}

// Message implements engineio.Receiver.
func (c *client) Message(binary bool, data []byte, here *sched.Slot) (more bool) {
	if c.deaf {
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
			c.reached(QuotaAttachments, nil)
		}
		c.violated("packet", err)
		c.close(engineio.ParseError)
	case p != nil:
		size := c.size
		c.size = 0
		c.half.Settle(c.server.memory, 0)
		return c.take(p, size, here)
	case !c.half.Settle(c.server.memory, c.size):
		c.deaf = true
		c.expel(QuotaMemory)
	}
	return true
}

// take hands a packet to whom it is for. more: there is room for another packet.
func (c *client) take(p *parser.Packet, size int, here *sched.Slot) (more bool) {
	s := c.find(p.Namespace)
	state := connecting
	if s != nil {
		state = s.state.Load()
	}
	switch {
	case p.Type == parser.Connect && (s == nil || state == connecting || state == gone):
		if err := c.mayJoin(s, size); err != nil {
			c.tellRefused(p.Namespace, "", err)
			return true
		}
		return c.push(work{kind: toConnect, socket: c.begin(p), size: size}, here)
	case s == nil || p.Type == parser.Connect || p.Type == parser.ConnectError || state == connecting:
		c.violated("state", &stateError{p})
		c.close(reasonForcedServerClose)
	case p.Type == parser.Event:
		return c.push(work{kind: toHandle, socket: s, packet: p, size: size}, here)
	case p.Type == parser.Ack:
		s.acknowledged(p)
	case p.Type == parser.Disconnect:
		c.drop(s)
		s.forfeit()
		s.cut()
		return c.push(work{kind: toEnd, socket: s, reason: reasonClientDisconnect, size: size}, here)
	}
	return true
}

// violated notes that the client has broken the protocol's rules.
func (c *client) violated(what string, err error) {
	c.deaf = true
	c.server.config.Logger.Debug("socketio: protocol violation", slog.String("kind", what), slog.String("error", excerpt.Error(err)))
}

// Closed implements engineio.Receiver.
func (c *client) Closed(reason engineio.Reason, err error) {
	if err != nil {
		c.server.config.Logger.Debug("socketio: connection ended", slog.String("reason", string(reason)), slog.String("error", excerpt.Error(err)))
	}
	var over *QuotaError
	if errors.As(err, &over) {
		c.server.count(over)
		c.audit(AuditEvent{Kind: AuditQuota, Reason: string(over.Quota), Err: over})
	}
	c.audit(AuditEvent{Kind: AuditDisconnect, Reason: string(reason), Err: err})
	c.server.lobby.leave(c.place)
	if c.server.again != nil {
		c.server.again.remove(c)
	}
	c.half.Settle(c.server.memory, 0) // nothing is read any more
	c.decoder = parser.Decoder{}
	c.mu.Lock()
	c.closed, c.dead = true, true
	c.uncount()
	sockets, cancel := c.sockets.all(), c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	for _, s := range sockets {
		if !recoverable[string(reason)] && s.state.Load() != connecting {
			s.forfeit()
		}
		s.cut()
	}
	c.append(work{kind: toClose, reason: string(reason)})
}

// begin makes the socket of a client that wants to join a namespace. It takes the place of one that has not joined yet,
// as when a client gives up and tries again at once.
func (c *client) begin(p *parser.Packet) *Socket {
	s := &Socket{client: c, name: p.Namespace, auth: p.Data}
	if s.auth.IsNull() {
		s.auth = noAuth
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live++
	if old := c.sockets.find(s.name); old != nil {
		old.state.CompareAndSwap(connecting, gone)
	}
	c.sockets.put(s)
	return s
}

// noAuth is what a client is taken to have sent that has sent no auth payload, as in Node.js.
var noAuth = codec.FromTree(codec.Object{})

// mayJoin returns which quota keeps the client from joining a namespace with a packet of size bytes, nil: none. old is its
// socket there, if there is one.
func (c *client) mayJoin(old *Socket, size int) error {
	config := &c.server.config
	if config.over(QuotaAuthBytes, size-1) {
		return c.reached(QuotaAuthBytes, nil)
	}
	c.mu.Lock()
	if old == nil && config.over(QuotaNamespaces, c.sockets.len()) {
		c.sockets.removeGone()
	}
	full := old == nil && config.over(QuotaNamespaces, c.sockets.len())
	c.mu.Unlock()
	if full {
		return c.reached(QuotaNamespaces, nil)
	}
	return nil
}

// find returns the socket of a namespace, nil if there is none.
func (c *client) find(namespace string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sockets.find(namespace)
}

// drop forgets a socket.
func (c *client) drop(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets.remove(s)
}

// send gives the client a frame. It is false if that was dropped.
func (c *client) send(f *engineio.Frame, o engineio.SendOptions) bool {
	if c.conn.Send(f, o) {
		return true
	}
	if !o.Volatile {
		c.die() // there is no connection any more
	}
	return false
}

// packet sends what is no event.
func (c *client) packet(p *parser.Packet) bool {
	f, err := packetFrame(p)
	if err != nil {
		c.server.report(err)
		return false
	}
	return c.send(f, engineio.SendOptions{})
}

// close ends the connection.
func (c *client) close(reason engineio.Reason) {
	c.die()
	c.conn.Close(reason)
}

// enter notes that a socket is about to join its namespace. It is false when the connection has ended.
func (c *client) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.members++
	}
	return !c.closed
}

// leave notes that a socket is not in its namespace any more.
func (c *client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members--
	c.uncount()
}

// uncount takes the client off ClientsCount when it has gone from everywhere. The caller holds mu.
func (c *client) uncount() {
	if c.counted && c.closed && c.members == 0 {
		c.counted = false
		c.server.connected.Add(-1)
	}
}

// die notes that what the client sends means nothing any more.
func (c *client) die() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
}

// release is called when a socket, or the connection, has ended and no func of the application's will be called for it.
func (c *client) release() {
	c.mu.Lock()
	c.live--
	last := c.live == 0
	c.mu.Unlock()
	if last {
		c.server.gone()
	}
}
