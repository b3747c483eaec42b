package engineio

// heartbeat is what a session knows of its client's signs of life. The connection's mu guards it.
type heartbeat struct {
	due      int64 // when the next ping is due; when one is out, when its pong is too late
	asked    int64 // when the last ping was queued
	waiting  bool  // a ping is out
	extended bool  // the client has shown life since, which grants it one more timeout, as in Node.js
}

// heard notes that something came.
func (b *heartbeat) heard(s *Server) {
	if b.waiting && !b.extended {
		b.extended = true
		b.due = s.clock() + int64(s.config.PingTimeout)
	}
}

// pong notes the answer to a ping.
func (c *Conn) pong() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase.Load() == isOpen {
		c.ponged(c.server.clock())
	}
}

// ponged notes that the client was alive at a time after the last ping. The caller holds mu.
func (c *Conn) ponged(at int64) {
	c.beat.waiting = false
	c.beat.due = at + int64(c.server.config.PingInterval)
	c.server.alarms.set(&c.alarm, c.beat.due)
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
	case c.beat.waiting && c.alive(now):
		c.ponged(c.pause.seen)
	case c.beat.waiting:
		c.mu.Unlock()
		c.end(PingTimeout, nil, nil)
		return
	default:
		// If the alarm was a little late, the time for the answer is not extended by that. If it was very late, such as after a pause of
		// the machine, the client still gets its time.
		timeout := int64(c.server.config.PingTimeout)
		planned := max(c.beat.due, now-timeout/4)
		c.beat = heartbeat{waiting: true, asked: now, due: planned + timeout}
		c.queue.push(queued{frame: pingFrame})
		c.wake()
	}
	c.server.alarms.set(&c.alarm, c.beat.due)
	c.mu.Unlock()
}

// overdue ends the session if its client should have given a sign of life by now, whether or not the alarm has rung.
func (c *Conn) overdue(now int64) bool {
	c.mu.Lock()
	over := c.phase.Load() == isOpen && c.beat.waiting && now >= c.beat.due && !c.alive(now)
	c.mu.Unlock()
	if over {
		c.end(PingTimeout, nil, nil)
	}
	return over
}
