package engineio

import (
	"math"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/socketio/internal/netpoll"
	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/timers"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// Receiver gets what one client sends. Calls for one connection never overlap, and must not block.
type Receiver interface {
	// Message is called for each message. data belongs to the receiver. If the message brings work, the receiver
	// starts a task with here, which may be nil. more is false if the receiver has no room for another message.
	// Then it gets none until it has called Conn.Resume. If the client closes the connection before that, the
	// receiver still gets the messages that have been read, up to 64 KiB.
	Message(binary bool, data []byte, here *sched.Slot) (more bool)
	// Closed is called last, once, when the session is over for both sides. Nothing that is sent afterwards
	// arrives. What was queued before may still be on its way. err may be nil.
	Closed(reason Reason, err error)
}

// Reason says why a session ended, in the words of Socket.IO.
type Reason string

// The reasons, besides the names of the quotas that a client has reached. "send queue full" is not Socket.IO's,
// which has no such limit.
const (
	TransportClose Reason = "transport close" // the client has closed the connection
	TransportError Reason = "transport error" // the client broke the protocol's rules, or gave up a poll
	PingTimeout    Reason = "ping timeout"    // the client has not answered a ping
	ServerShutdown Reason = "server shutting down"
	ForcedClose    Reason = "forced close" // Conn.Close was called with it
	ParseError     Reason = "parse error"  // the client sent something that is not a packet
	SendQueueFull  Reason = Reason(quota.SendQueue)
)

// SendOptions say how a frame is sent.
type SendOptions struct {
	// Volatile drops the frame if the client cannot get it at once: its socket is full, or it has no poll open.
	Volatile bool
	// NoCompress sends the frame uncompressed.
	NoCompress bool
	// Copy numbers the clients that get the same frame, from 1 on; 0 means that there is one client. The frame's
	// memory counts in full for the first client, for a half for the second, and so on.
	Copy int
}

// share returns how many bytes of memory count for the client that gets f.
func (o SendOptions) share(f *wsframe.Frame) uint32 {
	const place = 16 // in the queue
	return uint32(min(uint64(place+f.Size()/max(o.Copy, 1)), math.MaxUint32))
}

// The phases of a session.
const (
	isOpen    uint32 = 0
	isClosing uint32 = 1 // over for its user; queued frames and a goodbye are still sent to the client
	isClosed  uint32 = 2
)

// Conn is one session. It is safe for concurrent use.
type Conn struct {
	server   *Server
	id       string
	request  string // the first request, packed; see Handshake
	since    int64  // when it came, in Unix nanoseconds
	receiver Receiver

	phase    atomic.Uint32 // changes under mu
	deflates atomic.Bool   // changes under mu: frames may be compressed

	mu      sync.Mutex // guards all below
	queue   wsframe.Queue
	account quota.Account            // of the queue
	socket  *socket                  // the WebSocket that the session uses, nil if it polls
	probe   *probe                   // a WebSocket that is to become the transport
	poll    chan struct{}            // wakes the poll that waits, nil if there is none
	body    *http.ResponseController // of the request whose body is being read, nil if there is none
	beat    heartbeat
	pause   pause

	posting       bool // a request with packets is being handled
	delivering    bool // the receiver is being called, or must not be called any more
	closedPending bool // the goroutine that calls the receiver has to call Closed afterwards
	scheduled     bool // a writer has the connection, or is about to have it
	blocked       bool // the socket has no room
	flushed       bool // everything has been written, including the goodbye
	clientClosed  bool // the client has said goodbye
	joined        bool // see Joined
	holds         int8 // of the server's WaitGroup: one by the transport, one by the receiver
	reason        Reason
	err           error

	output netpoll.Output // in the list of the socket's writer
	timer  timers.Timer   // of the heartbeat, and of closing

	address *quota.Address // nil if there are no limits for it
	rate    quota.Rate     // of the goroutine that has entered
}

// ID returns the session's id: 20 characters of base64url, from crypto/rand.
func (c *Conn) ID() string { return c.id }

// Transport returns the transport that the session uses now: "polling" or "websocket".
func (c *Conn) Transport() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket != nil {
		return webSocket
	}
	return polling
}

// Send queues a frame. It never blocks. It is false if the frame was dropped: because the session is over,
// because the frame is volatile and the client is not ready, or because the queue is full. A full queue ends the
// session with SendQueueFull, unless the frame is volatile.
func (c *Conn) Send(f *wsframe.Frame, o SendOptions) bool {
	if c.deflates.Load() && !o.NoCompress {
		f.Compressed(c.server.config.CompressMin) // on the sender's goroutine, because the writer has to serve others
	}
	c.mu.Lock()
	if c.phase.Load() != isOpen || o.Volatile && !c.isReady() {
		c.mu.Unlock()
		return false
	}
	item := wsframe.Item{Frame: f, Plain: o.NoCompress, Share: o.share(f)}
	if full := c.full(item); full != nil {
		c.mu.Unlock()
		if !o.Volatile {
			c.end(Reason(full.Quota), full, nil)
		}
		return false
	}
	c.queue.Push(item)
	c.wake()
	c.mu.Unlock()
	return true
}

// full returns why the queue has no room for item, nil if it has. The caller holds mu.
func (c *Conn) full(item wsframe.Item) *quota.Error {
	limits := &c.server.config
	switch {
	case c.queue.Frames >= limits.SendQueue:
		return &quota.Error{Quota: quota.SendQueue, Limit: limits.SendQueue}
	case c.queue.Bytes >= limits.SendQueueBytes:
		return &quota.Error{Quota: quota.SendQueue, Limit: limits.SendQueueBytes}
	case !c.account.Settle(limits.Memory, c.queue.Share+int(item.Share)):
		return limits.Memory.Error()
	}
	return nil
}

// MaxQueued returns Config.SendQueueBytes.
func (c *Conn) MaxQueued() int { return c.server.config.SendQueueBytes }

// Joined notes that the client has joined a namespace.
func (c *Conn) Joined() {
	c.mu.Lock()
	first := !c.joined && c.phase.Load() != isClosed
	c.joined = true
	c.mu.Unlock()
	if first {
		c.server.addresses.Joined(c.address)
	}
}

// isReady reports whether a frame that is sent now is written at once. The caller holds mu.
func (c *Conn) isReady() bool {
	if c.socket != nil {
		return !c.blocked
	}
	return c.poll != nil
}

// wake has the queue written. The caller holds mu.
func (c *Conn) wake() {
	switch {
	case c.queue.Empty():
	case c.socket != nil:
		if !c.scheduled {
			c.scheduled = true
			c.socket.schedule()
		}
	default:
		c.endPoll()
	}
}

// endPoll has a poll that waits answered. The caller holds mu.
func (c *Conn) endPoll() {
	if c.poll != nil {
		select {
		case c.poll <- struct{}{}:
		default: // it is being answered
		}
	}
}

// Close ends the session. The receiver's Closed is called with reason. The client gets its queued frames and a
// goodbye, if it takes them within 30 seconds. Close does not wait.
func (c *Conn) Close(reason Reason) { c.end(reason, nil, goodbye(reason)) }
