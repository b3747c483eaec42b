package engineio

import (
	"time"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// heartbeat is the state of a session's pings. The connection's mu guards it.
//
// In version 4 of the protocol the server sends pings, and the client has to answer each. In version 3 the client
// sends them: it has to send one all the time, and the server only waits.
type heartbeat struct {
	due      int64 // when to send the next ping or, while the client has to send something, when the session times out
	asked    int64 // when the last ping was queued; in version 3, when the client was last known to be alive
	waiting  bool  // the client has to answer a ping; in version 3, it has to send one
	extended bool  // the client has sent something since the ping, which extends the time by one timeout, as in Node.js
}

// beatAfter returns the heartbeat of a client that was alive at a time. In version 3 only pings extend the time, as
// in Node.js.
func (p *protocol) beatAfter(at int64, config *Config) heartbeat {
	if p.clientPings {
		return heartbeat{waiting: true, extended: true, asked: at, due: at + int64(p.patience(config))}
	}
	return heartbeat{due: at + int64(config.PingInterval)}
}

// patience returns how long the client may take to send what it has to send.
func (p *protocol) patience(config *Config) time.Duration {
	if p.clientPings {
		return config.PingInterval + config.PingTimeout
	}
	return config.PingTimeout
}

// noteInput records that the client has sent something.
func (b *heartbeat) noteInput(s *Server) {
	if b.waiting && !b.extended {
		b.extended = true
		b.due = s.clock() + int64(s.config.PingTimeout)
	}
}

// receiveBeat handles a ping or a pong. It answers a ping.
func (c *Conn) receiveBeat(kind byte) error {
	pings := c.protocol.clientPings
	switch {
	case kind == typePing && !pings:
		return errPing
	case kind == typePong && pings:
		return errPong
	}
	c.mu.Lock()
	if c.phase.Load() == isOpen {
		c.noteAlive(c.server.clock())
	}
	c.mu.Unlock()
	if pings {
		c.Send(pongFrame, SendOptions{NoCompress: true})
	}
	return nil
}

// noteAlive records that the client was alive at a time after the last ping. The caller holds mu.
func (c *Conn) noteAlive(at int64) {
	c.beat = c.protocol.beatAfter(at, &c.server.config)
	c.server.timers.Set(&c.timer, c.beat.due)
}

// sessionTimer is a Conn as its timer sees it.
type sessionTimer Conn

// Expire implements timers.Expirer.
func (t *sessionTimer) Expire(now int64) { (*Conn)(t).checkHeartbeat(now) }

// checkHeartbeat sends a ping if one is due. It ends a session whose client has not answered in time, or that
// has not closed in time.
func (c *Conn) checkHeartbeat(now int64) {
	c.mu.Lock()
	switch {
	case c.phase.Load() != isOpen: // the session has not closed in time
		c.mu.Unlock()
		c.end("", nil, nil)
		return
	case now < c.beat.due: // due was moved after the timer had been set
	case c.beat.waiting && c.isAlive(now):
		c.noteAlive(c.pause.seen)
	case c.beat.waiting:
		c.mu.Unlock()
		c.end(PingTimeout, nil, nil)
		return
	default:
		// If the timer is a little late, the client's time to answer is not extended. If it is very late, such
		// as after the machine was suspended, the client gets the full time.
		timeout := int64(c.server.config.PingTimeout)
		planned := max(c.beat.due, now-timeout/4)
		c.beat = heartbeat{waiting: true, asked: now, due: planned + timeout}
		c.queue.Push(wsframe.Item{Frame: pingFrame})
		c.wake()
	}
	next := c.beat.due
	if c.pause.on && c.protocol.clientPings {
		c.queue.Push(wsframe.Item{Frame: noopFrame})
		c.wake()
		next = min(next, c.nextNoop(now))
	}
	c.server.timers.Set(&c.timer, next)
	c.mu.Unlock()
}

// nextNoop returns when to send a packet to a client that sends pings, during a pause. A ping of the client may be
// unread, and then the client waits for a pong, sends no other ping, and takes the server for dead if nothing comes
// within a timeout. Any packet is enough. It also shows whether the client is there; see isAlive.
func (c *Conn) nextNoop(now int64) int64 { return now + int64(c.server.config.PingTimeout)/2 }

// endOverdue ends the session if the client should have answered a ping by now, even if the timer is late. It
// reports whether it did.
func (c *Conn) endOverdue(now int64) bool {
	c.mu.Lock()
	overdue := c.phase.Load() == isOpen && c.beat.waiting && now >= c.beat.due && !c.isAlive(now)
	c.mu.Unlock()
	if overdue {
		c.end(PingTimeout, nil, nil)
	}
	return overdue
}
