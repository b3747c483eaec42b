package engineio

// readAhead is how many bytes are read from a client's WebSocket while the receiver has no room for them.
// Beyond that, nothing is read until the receiver has room.
const readAhead = 64 << 10

// pause is the state of a session whose receiver has no room for another message. The connection's mu guards it.
type pause struct {
	on      bool          // input waits for the receiver
	full    bool          // readAhead is reached
	seen    int64         // when the last byte arrived, on the server's clock
	resumed bool          // Resume was called after the last message
	posts   bool          // packets of a POST request wait
	room    chan struct{} // closed when these packets need not wait any longer
}

// Resume makes the session pass messages to the receiver again. The receiver calls it when it has room, after
// its Message has returned false.
func (c *Conn) Resume() {
	c.mu.Lock()
	s := c.resume()
	c.mu.Unlock()
	if s != nil {
		s.conn.Wake()
	}
}

// resume ends a pause. It returns the socket that the caller has to wake after it has unlocked mu, nil if there
// is none. The caller holds mu.
func (c *Conn) resume() *socket {
	c.pause.resumed = true
	if !c.pause.on {
		return nil
	}
	if c.beat.waiting {
		if c.isAlive(c.server.clock()) {
			c.noteAlive(c.pause.seen)
		} else if c.pause.full { // unread input may contain what the client has to send
			c.beat.due = c.beat.asked + 2*int64(c.protocol.patience(&c.server.config))
		}
	}
	c.pause.on, c.pause.full = false, false
	if c.pause.room != nil {
		close(c.pause.room)
		c.pause.room = nil
	}
	return c.socket
}

// hold begins a pause. It returns false if the receiver has already made room, or if the session is over. The
// caller holds mu.
func (c *Conn) hold() bool {
	if c.pause.resumed || c.phase.Load() != isOpen {
		c.pause.resumed = false
		return false
	}
	c.pause.on, c.pause.seen = true, c.server.clock()
	if c.protocol.clientPings {
		c.server.timers.Advance(&c.timer, c.nextNoop(c.pause.seen))
	}
	return true
}

// waitForRoom waits until the receiver has room for the next packet of a request. The caller has entered (see
// enter). If waitForRoom returns true, the caller still has. It returns false if the session has ended. gone is
// closed when the client gives up the request.
func (c *Conn) waitForRoom(gone <-chan struct{}) bool {
	c.mu.Lock()
	if !c.hold() {
		c.mu.Unlock()
		return true
	}
	room := make(chan struct{})
	c.pause.room, c.pause.posts = room, true
	c.mu.Unlock()
	c.leave()
	select {
	case <-room:
	case <-gone:
		c.end(TransportError, errGivenUp, nil)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause.posts = false
	return c.begin()
}

// isPaused reports whether the session is paused.
func (c *Conn) isPaused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pause.on
}

// isAlive reports whether a client that has to send a ping or a pong has shown during a pause that it is alive. What
// it has to send may be queued behind messages that the receiver has no room for, so any received byte counts. When
// the server has stopped reading, or the client sends nothing because it waits for a pong, it is enough that the
// client's system has acknowledged all data that was sent, including a ping or a noop packet. The caller holds mu.
func (c *Conn) isAlive(now int64) bool {
	if !c.pause.on {
		return false
	}
	if (c.pause.full || c.protocol.clientPings) && c.socket != nil && c.queue.Empty() && !c.scheduled &&
		c.socket.conn.Delivered() {
		c.pause.seen = now
	}
	return c.pause.seen > c.beat.asked
}

// pause begins a pause, unless the receiver has already made room.
func (s *socket) pause() {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	s.paused = s.session.hold()
}

// keep stores input that is decoded after the pause.
func (s *socket) keep(p []byte) {
	s.kept = append(s.kept, p...)
	c := s.session
	s.reserve.Settle(c.server.config.Memory, len(s.kept))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause.seen = c.server.clock()
	c.pause.full = c.pause.on && len(s.kept) >= readAhead
}
