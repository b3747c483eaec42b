package engineio

import "github.com/backplane-go/backplane/socketio/internal/wsframe"

// heartbeat is the state of a session's pings. The connection's mu guards it.
type heartbeat struct {
	due      int64 // when to send the next ping or, while the client has to answer one, when the session times out
	asked    int64 // when the last ping was queued
	waiting  bool  // the client has to answer a ping
	extended bool  // the client has sent something since the ping, which extends the time by one timeout, as in Node.js
}

// noteInput records that the client has sent something.
func (b *heartbeat) noteInput(s *Server) {
	if b.waiting && !b.extended {
		b.extended = true
		b.due = s.clock() + int64(s.config.PingTimeout)
	}
}

// pong records the answer to a ping.
func (c *Conn) pong() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase.Load() == isOpen {
		c.noteAlive(c.server.clock())
	}
}

// noteAlive records that the client was alive at a time after the last ping. The caller holds mu.
func (c *Conn) noteAlive(at int64) {
	c.beat.waiting = false
	c.beat.due = at + int64(c.server.config.PingInterval)
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
	c.server.timers.Set(&c.timer, c.beat.due)
	c.mu.Unlock()
}

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
