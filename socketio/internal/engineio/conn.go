package engineio

import (
	"math"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// Receiver gets what comes from one client. Calls for one connection never overlap, and must not block.
type Receiver interface {
	// Message is called for each message. data belongs to the receiver. Work that a message brings is started with here,
	// which may be nil. more is false when the receiver has no room for another message. It gets none then until it has
	// called Conn.Resume. Only when the client goes it gets what was read by then, up to 64 KiB.
	Message(binary bool, data []byte, here *sched.Slot) (more bool)
	// Closed is called last, once, when the session is over for both sides: nothing that is sent afterwards arrives. What
	// was queued before may still be on its way. err says more where there is more to say.
	Closed(reason Reason, err error)
}

// Reason says why a session ended, in Socket.IO's words.
type Reason string

// The reasons, besides the names of the limits that a client has reached. "send queue full" is not Socket.IO's, which has no such limit.
const (
	TransportClose Reason = "transport close" // the client has gone
	TransportError Reason = "transport error" // the client broke the rules, or gave up a poll
	PingTimeout    Reason = "ping timeout"    // the client has given no sign of life
	ServerShutdown Reason = "server shutting down"
	ForcedClose    Reason = "forced close" // Conn.Close was called with it
	ParseError     Reason = "parse error"  // the client sent what is no packet
	SendQueueFull  Reason = Reason(quota.SendQueue)
)

// SendOptions say how a frame is sent.
type SendOptions struct {
	// Volatile drops the frame when the client cannot get it at once: its socket is full, or it has no poll open.
	Volatile bool
	// NoCompress sends the frame as it is.
	NoCompress bool
	// Copy numbers the clients that get the same frame, from 1 on; 0 means that this is the only one. The frame's memory
	// counts in full for the first client, for a half for the second, and so on.
	Copy int
}

// share is how many bytes of memory count for a client that gets a frame.
func (o SendOptions) share(f *Frame) uint32 {
	const place = 16 // in the queue
	return uint32(min(uint64(place+f.size/max(o.Copy, 1)), math.MaxUint32))
}

// The phases of a session.
const (
	isOpen    uint32 = 0
	isClosing uint32 = 1 // over for its user, while what is queued, and a goodbye, go to the client
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
	queue   queue
	account quota.Account            // of the queue
	socket  *socket                  // the WebSocket it uses, nil: it polls
	probe   *probe                   // a WebSocket that wants to become the transport
	poll    chan struct{}            // of the poll that waits, nil: none does
	body    *http.ResponseController // of the request whose body is being read, nil: none
	beat    heartbeat
	pause   pause

	posting    bool // a request with packets is being handled
	delivering bool // the receiver is being called, or must not be called any more
	untold     bool // who delivers now calls Closed afterwards
	scheduled  bool // a writer has the connection, or will
	blocked    bool // its socket takes no more for now
	departed   bool // all has been written, the goodbye too
	answered   bool // the client has said goodbye
	joined     bool // see Joined
	holds      int8 // of the server's WaitGroup: one by the transport, one by the receiver
	reason     Reason
	err        error

	next  *Conn // in a writer's run queue, guarded by that
	alarm alarm // of the heartbeat, and of closing

	address *quota.Address // nil: none that has limits
	rate    quota.Rate     // of whoever has entered
}

// ID returns the session's id: 20 characters of base64url, from crypto/rand.
func (c *Conn) ID() string { return c.id }

// Transport returns "polling" or "websocket": what the session uses now.
func (c *Conn) Transport() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket != nil {
		return webSocket
	}
	return polling
}

// Send queues a frame and never blocks. It is false when the frame was dropped: the session is over, or the frame is
// volatile and the client not ready, or the queue is full, which ends the session with SendQueueFull unless the frame is
// volatile.
func (c *Conn) Send(f *Frame, o SendOptions) bool {
	if c.deflates.Load() && !o.NoCompress {
		f.compressed(c.server.config.CompressMin) // here, and not when it is written: a writer has others to serve
	}
	c.mu.Lock()
	if c.phase.Load() != isOpen || o.Volatile && !c.writable() {
		c.mu.Unlock()
		return false
	}
	item := queued{frame: f, plain: o.NoCompress, share: o.share(f)}
	if full := c.full(item); full != nil {
		c.mu.Unlock()
		if !o.Volatile {
			c.end(Reason(full.Quota), full, nil)
		}
		return false
	}
	c.queue.push(item)
	c.wake()
	c.mu.Unlock()
	return true
}

// full returns why the queue does not take one more frame, nil if it does. The caller holds mu.
func (c *Conn) full(item queued) *quota.Error {
	limits := &c.server.config
	switch {
	case c.queue.frames >= limits.SendQueue:
		return &quota.Error{Quota: quota.SendQueue, Limit: limits.SendQueue}
	case c.queue.bytes >= limits.SendQueueBytes:
		return &quota.Error{Quota: quota.SendQueue, Limit: limits.SendQueueBytes}
	case !c.account.Settle(limits.Memory, c.queue.share+int(item.share)):
		return limits.Memory.Error()
	}
	return nil
}

// MaxQueued returns how many bytes may wait to be sent before nothing more is queued.
func (c *Conn) MaxQueued() int { return c.server.config.SendQueueBytes }

// Joined tells that the client has joined a namespace.
func (c *Conn) Joined() {
	c.mu.Lock()
	first := !c.joined && c.phase.Load() != isClosed
	c.joined = true
	c.mu.Unlock()
	if first {
		c.server.addresses.Joined(c.address)
	}
}

// writable reports whether what is sent now is on its way at once. The caller holds mu.
func (c *Conn) writable() bool {
	if c.socket != nil {
		return !c.blocked
	}
	return c.poll != nil
}

// wake sees to it that what is queued is written. The caller holds mu.
func (c *Conn) wake() {
	switch {
	case c.queue.empty():
	case c.socket != nil:
		if !c.scheduled {
			c.scheduled = true
			c.socket.schedule(c)
		}
	default:
		c.endPoll()
	}
}

// endPoll answers a poll that waits. The caller holds mu.
func (c *Conn) endPoll() {
	if c.poll != nil {
		select {
		case c.poll <- struct{}{}:
		default: // it is being answered
		}
	}
}

// Close ends the session: the receiver is told reason, and the client gets what is queued and a goodbye, if it takes it
// within 30 seconds. It does not wait.
func (c *Conn) Close(reason Reason) { c.end(reason, nil, goodbye(reason)) }
