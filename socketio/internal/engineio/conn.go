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

// Receiver receives the messages of one client. Calls for one connection never overlap, and must not block.
type Receiver interface {
	// Message is called for each message. data belongs to the receiver. To handle the message on a goroutine,
	// the receiver starts a task with here, which may be nil. Message returns false if the receiver has no room
	// for another message. It is then not called until the receiver has called Conn.Resume. If the client
	// closes the connection before that, Message is still called for the messages that have been read, up to 64
	// KiB.
	Message(binary bool, data []byte, here *sched.Slot) (more bool)
	// Closed is called once, after all other calls, when the session has ended. Frames that are sent afterwards
	// are dropped. Frames that were queued before may still be in transit. err may be nil.
	Closed(reason Reason, err error)
}

// Reason says why a session ended, in the words of Socket.IO.
type Reason string

// The reasons other than the names of quotas. "send queue full", the name of a quota, is not a reason of
// Socket.IO, which has no such limit.
const (
	TransportClose Reason = "transport close" // the client has closed the connection
	TransportError Reason = "transport error" // the client broke the protocol's rules, or gave up a poll
	PingTimeout    Reason = "ping timeout"    // the client has not answered a ping
	ServerShutdown Reason = "server shutting down"
	ForcedClose    Reason = "forced close" // the reason that callers pass to Conn.Close
	ParseError     Reason = "parse error"  // the client sent something that is not a packet
	SendQueueFull  Reason = Reason(quota.SendQueue)
)

// SendOptions say how a frame is sent.
type SendOptions struct {
	// Volatile drops the frame if it cannot be sent at once, because the client's socket is full or no poll is
	// open.
	Volatile bool
	// NoCompress sends the frame uncompressed.
	NoCompress bool
	// Copy numbers the clients that receive the same frame, from 1; 0 means that there is only one client. The
	// frame's size counts in full for the first client, half for the second, and so on.
	Copy int
}

// share returns how many bytes of memory f counts for the client that receives it.
func (o SendOptions) share(f *wsframe.Frame) uint32 {
	const place = 16 // bytes of an item in the queue
	return uint32(min(uint64(place+f.Size()/max(o.Copy, 1)), math.MaxUint32))
}

// The phases of a session.
const (
	isOpen    uint32 = 0
	isClosing uint32 = 1 // over for the receiver; queued frames and a close message are still sent to the client
	isClosed  uint32 = 2
)

// Conn is one session. It is safe for concurrent use.
type Conn struct {
	server   *Server
	protocol *protocol
	id       string
	request  string // the first request, packed; see Handshake
	since    int64  // when that request arrived, in Unix nanoseconds
	receiver Receiver

	phase    atomic.Uint32                // changes under mu
	deflates atomic.Pointer[wsframe.Form] // changes under mu: the socket's form if frames may be compressed, or nil

	mu      sync.Mutex // guards the fields below
	queue   wsframe.Queue
	account quota.Account            // of the queue
	socket  *socket                  // the WebSocket that the session uses, nil if it polls
	probe   *probe                   // a WebSocket that is to become the transport
	poll    chan struct{}            // wakes the poll that waits, nil if there is none
	body    *http.ResponseController // of the request whose body is being read, nil if there is none
	beat    heartbeat
	pause   pause

	posting       bool // a request with packets is being handled
	delivering    bool // a goroutine calls the receiver, or the receiver must not be called again
	closedPending bool // the goroutine that calls the receiver has to call Closed afterwards
	scheduled     bool // a writer writes the queue, or is about to
	blocked       bool // the socket has no room
	flushed       bool // everything has been written, including the close message
	clientClosed  bool // the client has sent a close frame, or has closed its side of the connection
	joined        bool // see Joined
	holds         int8 // what keeps the session in the server's WaitGroup: the transport and the receiver
	reason        Reason
	err           error

	output netpoll.Output // the entry in the list of the socket's writer
	timer  timers.Timer   // for the heartbeat, and for the time limit of closing

	address *quota.Address // nil if there are no limits for it
	rate    quota.Rate     // only for the goroutine that has entered; see enter
}

// ID returns the session's id: 20 characters of base64url, from crypto/rand.
func (c *Conn) ID() string { return c.id }

// Protocol returns the version of Engine.IO that the client uses: 3 or 4.
func (c *Conn) Protocol() int { return c.protocol.version }

// Transport returns the transport that the session uses now: "polling" or "websocket".
func (c *Conn) Transport() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket != nil {
		return webSocket
	}
	return polling
}

// Send queues a frame. It never blocks. It returns false if the frame was dropped because the session is over,
// because the frame is volatile and the client is not ready, or because the queue is full. A full queue ends
// the session with SendQueueFull, unless the frame is volatile.
func (c *Conn) Send(f *wsframe.Frame, o SendOptions) bool {
	if form := c.deflates.Load(); form != nil && !o.NoCompress {
		form.Prepare(f) // on the sender's goroutine, because the writer serves many clients
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

// full returns an error if there is no room for item in the queue, and nil otherwise. The caller holds mu.
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

// Joined records that the client has joined a namespace.
func (c *Conn) Joined() {
	c.mu.Lock()
	first := !c.joined && c.phase.Load() != isClosed
	c.joined = true
	c.mu.Unlock()
	if first {
		c.server.addresses.Joined(c.address)
	}
}

// isReady reports whether a frame can be written at once. The caller holds mu.
func (c *Conn) isReady() bool {
	if c.socket != nil {
		return !c.blocked
	}
	return c.poll != nil
}

// wake makes the writer, or a waiting poll, send the queue. The caller holds mu.
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

// endPoll makes a waiting poll respond. The caller holds mu.
func (c *Conn) endPoll() {
	if c.poll != nil {
		select {
		case c.poll <- struct{}{}:
		default: // the response is being written
		}
	}
}

// Close ends the session and calls the receiver's Closed with reason. Queued frames and a close message are
// still sent if the client reads them within 30 seconds. Close does not wait for that.
func (c *Conn) Close(reason Reason) { c.end(reason, nil, closeMessage(reason)) }
