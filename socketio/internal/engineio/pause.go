package engineio

// readAhead is how many bytes are read from a client while its receiver has no room for them. A WebSocket with so many is not
// read any more.
const readAhead = 64 << 10

// pause is the state of a session whose receiver has no room for another message. The connection's mu guards it.
type pause struct {
	on      bool          // what has come from the client waits for the receiver
	full    bool          // readAhead is reached
	seen    int64         // when the last byte came, on the server's clock
	resumed bool          // Resume was called since the last message was handed over
	posts   bool          // it is a request's packets that wait
	room    chan struct{} // closed when they wait no longer
}

// Resume has the session hand over messages again. The receiver calls it when it has room, after Message has told that it had
// none.
func (c *Conn) Resume() {
	c.mu.Lock()
	s := c.resume()
	c.mu.Unlock()
	if s != nil {
		s.wake()
	}
}

// resume ends a pause. It returns the socket that has to be woken, which must not be done under mu. The caller holds mu.
func (c *Conn) resume() *socket {
	c.pause.resumed = true
	if !c.pause.on {
		return nil
	}
	if c.beat.waiting {
		if c.alive(c.server.clock()) {
			c.ponged(c.pause.seen)
		} else if c.pause.full { // the pong may be among what is read now
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

// hold begins a pause. It is false if the receiver has made room meanwhile, or the session is over. The caller holds mu.
func (c *Conn) hold() bool {
	if c.pause.resumed || c.phase.Load() != isOpen {
		c.pause.resumed = false
		return false
	}
	c.pause.on, c.pause.seen = true, c.server.clock()
	return true
}

// wait lets the receiver make room for the next packet of a request. The caller has entered, and has again when it is true. It
// is false if the session has ended. gone is closed when the client gives the request up.
func (c *Conn) wait(gone <-chan struct{}) bool {
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

// held reports whether the pause of s goes on.
func (s *socket) held() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.conn.pause.on
}

// pause begins a pause, unless the receiver has made room meanwhile.
func (s *socket) pause() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.paused = s.conn.hold()
}

// keep keeps what has come during a pause.
func (s *socket) keep(p []byte) {
	s.ahead = append(s.ahead, p...)
	c := s.conn
	s.reserve.Settle(c.server.config.Memory, len(s.ahead))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause.seen = c.server.clock()
	c.pause.full = c.pause.on && len(s.ahead) >= readAhead
}

// full reports whether s is not to be read, because there is no room for what would come.
func (s *socket) full() bool { return s.paused && len(s.ahead) >= readAhead }

// replay hands over some of what was read ahead.
func (s *socket) replay(sc *scratch) {
	n := copy(s.in.space(sc.buf), s.ahead)
	rest := s.feed(sc, n)
	if s.ahead = s.ahead[n-len(rest):]; len(s.ahead) == 0 {
		s.ahead = nil
	}
	s.reserve.Settle(s.conn.server.config.Memory, len(s.ahead))
}

// alive reports whether a client that was asked for a sign of life has shown one during a pause, where its pong may be behind
// what the receiver has no room for: any byte is one. When no further byte is read, it is one that the client's system has
// got all that was sent, the ping included. The caller holds mu.
func (c *Conn) alive(now int64) bool {
	if !c.pause.on {
		return false
	}
	if c.pause.full && c.queue.empty() && !c.scheduled && c.socket.delivered() {
		c.pause.seen = now
	}
	return c.pause.seen > c.beat.asked
}
