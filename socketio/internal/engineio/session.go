package engineio

import (
	"time"

	"github.com/gobwas/ws"

	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

const (
	// flushTimeout is how long a client may take to get what is queued when its session has been closed.
	flushTimeout = 30 * time.Second
	// lingerTimeout is how long a client may take after that to close its side of a WebSocket.
	lingerTimeout = 5 * time.Second
)

// Goodbyes are the last that a client gets: a close frame over WebSocket, a close packet in a poll.
var (
	goodbyeNormal    = fixedFrame(ws.CompiledCloseNormalClosure, []byte{typeClose})
	goodbyeGoingAway = fixedFrame(ws.CompiledCloseGoingAway, []byte{typeClose})
	goodbyeProtocol  = fixedFrame(ws.CompiledCloseProtocolError, []byte{typeClose})
	goodbyeText      = fixedFrame(ws.CompiledCloseInvalidFramePayloadData, []byte{typeClose})
	goodbyeTooBig    = fixedFrame(ws.CompiledCloseMessageTooBig, []byte{typeClose})
)

// goodbye returns what a client gets at the end, nil: nothing, it is cut off.
func goodbye(reason Reason) *Frame {
	switch reason {
	case Reason(quota.EventRate), Reason(quota.ByteRate), Reason(quota.Memory), Reason(quota.Unjoined):
		return nil // who takes too much is cut off, and what it sends is not read any more
	case ServerShutdown:
		return goodbyeGoingAway
	case TransportError, ParseError:
		return goodbyeProtocol
	}
	return goodbyeNormal
}

// enter begins calls of the receiver. It is false when the session is over, or when somebody else is calling: that is no
// client's right to have. leave must follow.
func (c *Conn) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.pause.posts && c.begin()
}

// begin is enter for who may call the receiver. The caller holds mu.
func (c *Conn) begin() bool {
	if c.phase.Load() != isOpen || c.delivering {
		return false
	}
	c.delivering, c.pause.resumed = true, false
	c.beat.heard(c.server)
	return true
}

// leave ends calls of the receiver, and tells it of the end of the session if that came meanwhile.
func (c *Conn) leave() {
	c.mu.Lock()
	untold := c.untold
	c.untold = false
	c.delivering = untold
	c.mu.Unlock()
	if untold {
		c.tell()
	}
}

// outcome is what has come of a packet.
type outcome struct {
	full   bool   // the receiver has no room for another message
	reason Reason // why the session is to end, if not ""
	err    error
}

// receive handles a packet of the client. The caller has entered, and offers here for the work that the packet brings.
func (c *Conn) receive(p packet, here *sched.Slot) (o outcome) {
	if o.reason, o.err = c.spend(len(p.data)); o.err != nil {
		return o
	}
	switch p.kind {
	case typeMessage, typeBinary:
		if c.phase.Load() != isOpen {
			return o
		}
		o.full = !c.receiver.Message(p.kind == typeBinary, p.data, here)
	case typePong:
		c.pong()
	case typeClose:
		o.reason = TransportClose
	case typeNoop:
	case typePing:
		o.reason, o.err = TransportError, errDirection
	default:
		o.reason, o.err = TransportError, errOrder
	}
	return o
}

// spend counts a message of n bytes. With an error, the session is to end. The caller has entered.
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

// end ends the session, if it is open, and tells the receiver why. With last, the client gets what is queued and then
// last; without, the transport is cut off, even if the session was closing in peace.
func (c *Conn) end(reason Reason, err error, last *Frame) {
	c.mu.Lock()
	tell := false
	var woken *socket
	if c.phase.Load() == isOpen {
		woken = c.resume() // what it reads from now on is dropped
		c.reason, c.err = reason, err
		c.server.live.Add(-1)
		c.untold = c.delivering
		tell = !c.delivering
		c.delivering = true // for good
		if last != nil {
			c.phase.Store(isClosing)
			c.queue.push(queued{frame: last})
			c.server.alarms.set(&c.alarm, c.server.clock()+int64(flushTimeout))
			c.abortPost()
			c.wake()
		}
	}
	var cut []*socket
	if last == nil && c.phase.Load() != isClosed {
		cut = c.finish()
	}
	c.mu.Unlock()
	if woken != nil {
		woken.wake()
	}
	for _, s := range cut {
		s.cut()
	}
	if tell {
		go c.tell() // not here: whoever ends a session may hold locks that the receiver wants
	}
}

// tell calls Closed. It is called once, by whoever turned delivering on for the last time.
func (c *Conn) tell() {
	c.receiver.Closed(c.reason, c.err) // written before tell was called for, and not changed any more
	c.release()
}

// finish ends the transport. It returns the sockets to cut off, which must not be done under mu. The caller holds mu.
func (c *Conn) finish() []*socket {
	c.phase.Store(isClosed)
	c.server.remove(c)
	c.server.alarms.stop(&c.alarm)
	c.queue.drop()
	c.account.Settle(c.server.config.Memory, 0)
	c.server.addresses.Leave(c.address, c.joined)
	c.abortPost()
	var cut []*socket
	if c.socket != nil {
		cut = append(cut, c.socket)
	}
	if c.probe != nil {
		c.server.alarms.stop(&c.probe.alarm)
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

// abortPost ends a request whose body comes too late. The caller holds mu, and so the request has not ended.
func (c *Conn) abortPost() {
	if c.body != nil {
		_ = c.body.SetReadDeadline(time.Unix(1, 0)) // where it cannot be set, the body's own deadline ends it
	}
}

// flushed is called when all that was queued has been written to the socket, goodbye included. The caller holds mu.
func (c *Conn) flushed() outlook {
	c.departed = true
	if c.answered {
		return socketDone
	}
	c.server.alarms.hasten(&c.alarm, c.server.clock()+int64(lingerTimeout))
	return socketHalf
}
