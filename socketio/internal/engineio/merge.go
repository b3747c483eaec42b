package engineio

// mergeSize is the most bytes that are copied together for one write. mergeSmall is the size from which on a frame is
// written from where it is.
const (
	mergeSize  = 64 << 10
	mergeSmall = 16 << 10
)

// merger makes one write of many frames.
type merger struct{ buf []byte }

// next returns the bytes that come next for s: all of l if it fits the buffer. They are valid until the next call.
func (m *merger) next(s *socket, l *line) []byte {
	first := s.form(l.head.items[l.first])[l.offset:]
	alone := l.head == l.tail && l.first+1 == l.head.n
	if alone || len(first) >= mergeSmall {
		return first
	}
	buf := append(m.buf[:0], first...)
	i := l.first + 1
	for k := l.head; k != nil; k, i = k.next, 0 {
		for ; i < k.n; i++ {
			p := s.form(k.items[i])
			if room := cap(m.buf) - len(buf); len(p) > room {
				return append(buf, p[:room]...)
			}
			buf = append(buf, p...)
		}
	}
	return buf
}

// form is what a frame looks like on this socket.
func (s *socket) form(q queued) []byte {
	if s.in.deflate && !q.plain {
		return q.frame.compressed(s.conn.server.config.CompressMin)
	}
	return q.frame.webSocket()
}

// written is what has come of writing a line.
type written struct {
	whole   held // sent as a whole
	written int  // bytes on the wire
	full    bool
	err     error
}

// add takes n bytes off l.
func (d *written) add(s *socket, l *line, n int) {
	d.written += n
	for !l.empty() {
		q := l.head.items[l.first]
		left := len(s.form(q)) - l.offset
		if left > n {
			l.offset += n
			return
		}
		n -= left
		d.whole.add(q)
		l.pop()
	}
}

// What is to be done about a socket after a write.
type outlook int

const (
	socketMore   outlook = iota // there is more to write
	socketIdle                  // there is nothing to write
	socketFull                  // there is no room
	socketHalf                  // all has been written; the client has not said goodbye
	socketDone                  // it can be closed
	socketFailed                // it has failed
)

// settle gives back what is left of a line that was taken to be written.
func (c *Conn) settle(left line, done written) outlook {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase.Load() == isClosed {
		left.drop()
		return socketIdle
	}
	c.queue.sent(done.whole)
	c.queue.putBack(left)
	c.account.Settle(c.server.config.Memory, c.queue.share)
	c.blocked = done.full
	switch {
	case done.err != nil:
		return socketFailed
	case done.full:
		return socketFull
	case !c.queue.empty():
		return socketMore
	}
	c.scheduled = false
	if c.phase.Load() == isClosing {
		return c.flushed()
	}
	return socketIdle
}

// writeBlocking writes what is queued to a connection that can only be written by waiting for it, and returns when
// there is nothing left.
func (s *socket) writeBlocking() {
	c := s.conn
	defer c.server.group.Done()
	m := merger{buf: make([]byte, 0, mergeSmall)}
	for {
		c.mu.Lock()
		if c.phase.Load() == isClosed {
			c.mu.Unlock()
			return
		}
		l := c.queue.take()
		c.blocked = true
		c.mu.Unlock()
		var done written
		for !l.empty() && done.err == nil {
			var n int
			n, done.err = s.nc.Write(m.next(s, &l))
			done.add(s, &l, n)
		}
		switch c.settle(l, done) {
		case socketIdle:
			return
		case socketHalf:
			s.halfClose()
			return
		case socketDone:
			_ = s.nc.Close() // TLS says goodbye; nothing else is being written
			c.end("", nil, nil)
			return
		case socketFailed:
			c.end(TransportClose, done.err, nil)
			return
		}
	}
}
