package engineio

import (
	"time"

	"github.com/gobwas/ws"

	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

const (
	// flushTimeout is how long a client may take to get its queued frames after its session has been closed.
	flushTimeout = 30 * time.Second
	// lingerTimeout is how long a client may take after that to close its side of a WebSocket.
	lingerTimeout = 5 * time.Second
)

// The goodbyes, the last that a client gets: a close frame over WebSocket, a close packet in a poll.
var (
	goodbyeNormal    = newGoodbye(ws.CompiledCloseNormalClosure)
	goodbyeGoingAway = newGoodbye(ws.CompiledCloseGoingAway)
	goodbyeProtocol  = newGoodbye(ws.CompiledCloseProtocolError)
	goodbyeText      = newGoodbye(ws.CompiledCloseInvalidFramePayloadData)
	goodbyeTooBig    = newGoodbye(ws.CompiledCloseMessageTooBig)
)

func newGoodbye(closeFrame []byte) *wsframe.Frame {
	return wsframe.NewEncodedFrame(closeFrame, []byte{typeClose})
}

// goodbye returns the goodbye for a reason, nil if the client is cut off without one.
func goodbye(reason Reason) *wsframe.Frame {
	switch reason {
	case Reason(quota.EventRate), Reason(quota.ByteRate), Reason(quota.Memory), Reason(quota.Unjoined):
		return nil // a client that takes too much is not read any more
	case ServerShutdown:
		return goodbyeGoingAway
	case TransportError, ParseError:
		return goodbyeProtocol
	}
	return goodbyeNormal
}

// enter begins calls of the receiver. It is false if the session is over, or if another goroutine calls the
// receiver, which a client must not cause. leave must follow if it is true.
func (c *Conn) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.pause.posts && c.begin()
}

// begin is enter for a request that continues after a pause. The caller holds mu.
func (c *Conn) begin() bool {
	if c.phase.Load() != isOpen || c.delivering {
		return false
	}
	c.delivering, c.pause.resumed = true, false
	c.beat.noteInput(c.server)
	return true
}

// leave ends calls of the receiver. It calls Closed if the session has ended meanwhile.
func (c *Conn) leave() {
	c.mu.Lock()
	pending := c.closedPending
	c.closedPending = false
	c.delivering = pending
	c.mu.Unlock()
	if pending {
		c.callClosed()
	}
}

// outcome is the result of a packet.
type outcome struct {
	full   bool   // the receiver has no room for another message
	reason Reason // why the session has to end, "" if it has not
	err    error
}

// receive handles a packet of the client. The caller has entered.
func (c *Conn) receive(p packet, here *sched.Slot) (o outcome) {
	if o.reason, o.err = c.spend(len(p.data)); o.err != nil {
		return o
	}
	switch p.kind {
	case typeMessage, typeBinary:
		if c.phase.Load() == isOpen {
			o.full = !c.receiver.Message(p.kind == typeBinary, p.data, here)
		}
	case typePong:
		c.pong()
	case typeClose:
		o.reason = TransportClose
	case typeNoop:
	case typePing:
		o.reason, o.err = TransportError, errPing
	default:
		o.reason, o.err = TransportError, errOrder
	}
	return o
}

// spend counts a message of n bytes. If it returns an error, the session has to end. The caller has entered.
func (c *Conn) spend(n int) (Reason, error) {
	rates := c.server.config.Rates
	name := c.rate.Spend(n, rates, c.server.clock)
	switch name {
	case "":
		return "", nil
	case quota.EventRate:
		return Reason(name), &quota.Error{Quota: name, Limit: rates.Events}
	}
	return Reason(name), &quota.Error{Quota: name, Limit: rates.Bytes}
}

// end ends the session, if it is open, and has the receiver's Closed called. If last is not nil, the client gets
// its queued frames and then last. Otherwise the transport is cut off, even if the session is closing already.
func (c *Conn) end(reason Reason, err error, last *wsframe.Frame) {
	c.mu.Lock()
	callClosed := false
	var woken *socket
	if c.phase.Load() == isOpen {
		woken = c.resume() // what it reads from now on is dropped
		c.reason, c.err = reason, err
		c.server.live.Add(-1)
		c.closedPending = c.delivering
		callClosed = !c.delivering
		c.delivering = true // no other goroutine may call the receiver
		if last != nil {
			c.phase.Store(isClosing)
			c.queue.Push(wsframe.Item{Frame: last})
			c.server.timers.Set(&c.timer, c.server.clock()+int64(flushTimeout))
			c.abortPost()
			c.wake()
		}
	}
	var cut []*socket
	if last == nil && c.phase.Load() != isClosed {
		cut = c.endTransport()
	}
	c.mu.Unlock()
	if woken != nil {
		woken.conn.Wake()
	}
	for _, s := range cut {
		s.conn.Cut()
	}
	if callClosed {
		go c.callClosed() // on another goroutine, because the caller may hold locks that the receiver needs
	}
}

// callClosed calls Closed. It is called once, by the goroutine that set delivering for the last time.
func (c *Conn) callClosed() {
	c.receiver.Closed(c.reason, c.err) // they do not change any more
	c.release()
}

// endTransport ends the transport. It returns the sockets that have to be cut, which must not be done under mu.
// The caller holds mu.
func (c *Conn) endTransport() []*socket {
	c.phase.Store(isClosed)
	c.server.remove(c)
	c.server.timers.Stop(&c.timer)
	c.queue.Drop()
	c.account.Settle(c.server.config.Memory, 0)
	c.server.addresses.Leave(c.address, c.joined)
	c.abortPost()
	var cut []*socket
	if c.socket != nil {
		cut = append(cut, c.socket)
	}
	if c.probe != nil {
		c.server.timers.Stop(&c.probe.timer)
		if c.probe.socket != nil {
			cut = append(cut, c.probe.socket)
		}
		c.probe = nil
	}
	c.endPoll()
	c.holds--
	if c.holds == 0 {
		c.server.group.Done()
	}
	return cut
}

// release gives up the receiver's hold of the server.
func (c *Conn) release() {
	c.mu.Lock()
	c.holds--
	last := c.holds == 0
	c.mu.Unlock()
	if last {
		c.server.group.Done()
	}
}

// abortPost ends a request whose body is being read. The caller holds mu, so that the request cannot end
// meanwhile.
func (c *Conn) abortPost() {
	if c.body != nil {
		_ = c.body.SetReadDeadline(time.Unix(1, 0)) // if it cannot be set, the body's own deadline ends the request
	}
}
