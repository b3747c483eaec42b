package engineio

import (
	"time"

	"github.com/gobwas/ws"

	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

const (
	// flushTimeout is how long a client may take to read its queued frames after its session has been closed.
	flushTimeout = 30 * time.Second
	// lingerTimeout is how long a client may take after that to close its side of a WebSocket.
	lingerTimeout = 5 * time.Second
)

// The close messages. Each is the last message to a client: a close frame over WebSocket, a close packet in a
// poll.
var (
	closeNormal        = newCloseMessage(ws.CompiledCloseNormalClosure)
	closeGoingAway     = newCloseMessage(ws.CompiledCloseGoingAway)
	closeProtocolError = newCloseMessage(ws.CompiledCloseProtocolError)
	closeInvalidText   = newCloseMessage(ws.CompiledCloseInvalidFramePayloadData)
	closeTooBig        = newCloseMessage(ws.CompiledCloseMessageTooBig)
)

func newCloseMessage(closeFrame []byte) *wsframe.Frame {
	return wsframe.NewEncodedFrame(closeFrame, []byte{typeClose})
}

// closeMessage returns the close message for a reason, nil if the connection is cut without one.
func closeMessage(reason Reason) *wsframe.Frame {
	switch reason {
	case Reason(quota.EventRate), Reason(quota.ByteRate), Reason(quota.Memory), Reason(quota.Unjoined):
		return nil // nothing more is read from a client that uses too much
	case ServerShutdown:
		return closeGoingAway
	case TransportError, ParseError:
		return closeProtocolError
	}
	return closeNormal
}

// enter gives the calling goroutine the exclusive right to call the receiver, until it calls leave. It returns
// false if the session is over, or if another goroutine has the right, which happens only if the client breaks
// the protocol.
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

// leave gives up the right to call the receiver. It first calls Closed if the session has ended since enter.
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
	reason Reason // why the session has to end, "" if it continues
	err    error
}

// receive handles a packet from the client. The caller has entered.
func (c *Conn) receive(p packet, here *sched.Slot) (o outcome) {
	if o.reason, o.err = c.spend(len(p.data)); o.err != nil {
		return o
	}
	switch p.kind {
	case typeMessage, typeBinary:
		if c.phase.Load() == isOpen {
			o.full = !c.receiver.Message(p.kind == typeBinary, p.data, here)
		}
	case typePing, typePong:
		if o.err = c.receiveBeat(p.kind); o.err != nil {
			o.reason = TransportError
		}
	case typeClose:
		o.reason = TransportClose
	case typeNoop:
	default:
		o.reason, o.err = TransportError, errOrder
	}
	return o
}

// spend counts a message of n bytes against the client's rates. If it returns an error, the session has to end.
// The caller has entered.
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

// end ends the session, if it is open, and calls the receiver's Closed or leaves that to the goroutine that
// calls the receiver. If last is not nil, the queued frames and then last are sent to the client. Otherwise the
// transport is cut, even if the session is already closing.
func (c *Conn) end(reason Reason, err error, last *wsframe.Frame) {
	c.mu.Lock()
	callClosed := false
	var woken *socket
	if c.phase.Load() == isOpen {
		woken = c.resume() // input that it reads from now on is dropped
		c.reason, c.err = reason, err
		c.server.live.Add(-1)
		if c.socket != nil {
			c.server.traffic.webSockets.Add(-1)
		}
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
	c.receiver.Closed(c.reason, c.err) // reason and err no longer change
	c.release()
}

// endTransport ends the transport. It returns the sockets that the caller has to cut after it has unlocked mu.
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

// release gives up the receiver's hold on the server's WaitGroup.
func (c *Conn) release() {
	c.mu.Lock()
	c.holds--
	last := c.holds == 0
	c.mu.Unlock()
	if last {
		c.server.group.Done()
	}
}

// abortPost ends a request whose body is being read. The caller holds mu, so that the request cannot end during
// the call.
func (c *Conn) abortPost() {
	if c.body != nil {
		_ = c.body.SetReadDeadline(time.Unix(1, 0)) // if it cannot be set, the body's own deadline ends the request
	}
}
