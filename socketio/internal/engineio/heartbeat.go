package engineio

// heartbeat is what a session knows of its client's signs of life. The connection's mu guards it.
type heartbeat struct {
	due      int64 // when the next ping is due; when one is out, when its pong is too late
	waiting  bool  // a ping is out
	extended bool  // the client has shown life since, which grants it one more timeout, as in Node.js
	entered  int64 // when the receiver was called that has not returned yet, if a ping was out then
}

// heard notes that something came.
func (b *heartbeat) heard(s *Server) {
	if !b.waiting {
		return
	}
	b.entered = s.clock()
	if !b.extended {
		b.extended = true
		b.due = b.entered + int64(s.config.PingTimeout)
	}
}

// returned notes that the receiver has returned. What time it took is not the client's: its pong may have come long ago.
func (b *heartbeat) returned(s *Server) {
	if b.waiting && b.entered != 0 {
		b.due += s.clock() - b.entered
	}
	b.entered = 0
}

// pong notes the answer to a ping.
func (c *Conn) pong() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase.Load() == isOpen {
		c.beat.waiting = false
		c.beat.due = c.server.clock() + int64(c.server.config.PingInterval)
		c.server.alarms.set(&c.alarm, c.beat.due)
	}
}

// ring implements ringer: it sends a ping, or ends what has not been heard of for too long.
func (c *Conn) ring(now int64) {
	c.mu.Lock()
	switch {
	case c.phase.Load() != isOpen: // it has not closed in time
		c.mu.Unlock()
		c.end("", nil, nil)
		return
	case now < c.beat.due: // it has been heard of since the alarm was set
	case c.beat.waiting && c.delivering: // the pong may have come, and waits for the receiver to return
		c.beat.due = now + int64(c.server.config.PingTimeout)
	case c.beat.waiting:
		c.mu.Unlock()
		c.end(PingTimeout, nil, nil)
		return
	default:
		c.beat = heartbeat{waiting: true, due: now + int64(c.server.config.PingTimeout)}
		c.queue.push(queued{frame: pingFrame})
		c.wake()
	}
	c.server.alarms.set(&c.alarm, c.beat.due)
	c.mu.Unlock()
}
