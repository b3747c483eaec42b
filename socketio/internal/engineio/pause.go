package engineio

// readAhead is how many bytes are read from a client while its receiver has no room for them. When a WebSocket
// has so many, it is not read any more.
const readAhead = 64 << 10

// pause is the state of a session whose receiver has no room for another message. The connection's mu guards it.
type pause struct {
	on      bool          // input waits for the receiver
	full    bool          // readAhead is reached
	seen    int64         // when the last byte came, on the server's clock
	resumed bool          // Resume was called after the last message
	posts   bool          // the packets of a request wait
	room    chan struct{} // closed when they need not wait any longer
}

// Resume has the session pass on messages again. The receiver calls it when it has room, after its Message has
// returned false.
func (c *Conn) Resume() {
	c.mu.Lock()
	s := c.resume()
	c.mu.Unlock()
	if s != nil {
		s.conn.Wake()
	}
}

// resume ends a pause. It returns the socket that has to be woken, which must not be done under mu. The caller
// holds mu.
func (c *Conn) resume() *socket {
	c.pause.resumed = true
	if !c.pause.on {
		return nil
	}
	if c.beat.waiting {
		if c.isAlive(c.server.clock()) {
			c.noteAlive(c.pause.seen)
		} else if c.pause.full { // the input that follows may contain the pong
			c.beat.due = c.beat.asked + 2*int64(c.server.config.PingTimeout)
		}
	}
	c.pause.on, c.pause.full = false, false
	if c.pause.room != nil {
		close(c.pause.room)
		c.pause.room = nil
	}
	return c.socket
}

// hold begins a pause. It is false if the receiver has made room meanwhile, or if the session is over. The
// caller holds mu.
func (c *Conn) hold() bool {
	if c.pause.resumed || c.phase.Load() != isOpen {
		c.pause.resumed = false
		return false
	}
	c.pause.on, c.pause.seen = true, c.server.clock()
	return true
}

// waitForRoom waits until the receiver has room for the next packet of a request. The caller has entered, and
// still has if it is true. It is false if the session has ended. gone is closed when the client gives up the
// request.
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

// isPaused reports whether the pause of a session goes on.
func (c *Conn) isPaused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pause.on
}

// isAlive reports whether a client that has to answer a ping has shown during a pause that it is alive. Its pong
// may wait behind messages that the receiver has no room for, so any byte counts. When no more bytes are read,
// it counts that the client's system has acknowledged everything that was sent, including the ping. The caller
// holds mu.
func (c *Conn) isAlive(now int64) bool {
	if !c.pause.on {
		return false
	}
	if c.pause.full && c.queue.Empty() && !c.scheduled && c.socket.conn.Delivered() {
		c.pause.seen = now
	}
	return c.pause.seen > c.beat.asked
}

// pause begins a pause, unless the receiver has made room meanwhile.
func (s *socket) pause() {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	s.paused = s.session.hold()
}

// keep keeps input for after the pause.
func (s *socket) keep(p []byte) {
	s.kept = append(s.kept, p...)
	c := s.session
	s.reserve.Settle(c.server.config.Memory, len(s.kept))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause.seen = c.server.clock()
	c.pause.full = c.pause.on && len(s.kept) >= readAhead
}
