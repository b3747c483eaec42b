package engineio

import (
	"github.com/backplane-go/backplane/socketio/internal/netpoll"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// outlook says what to do after a write.
type outlook int

const (
	writeMore  outlook = iota // there is more to write
	writeIdle                 // there is nothing to write
	writeFull                 // the socket has no room
	writeHalf                 // everything has been written; the client has not closed its side yet
	writeDone                 // the connection can be closed
	writeError                // the connection has failed
)

// written is the result of writing a line.
type written struct {
	whole wsframe.Total // frames that have been written completely
	bytes int
	full  bool
	err   error
}

// settle records the result of a write. left is the unwritten part of the line that was taken from the queue.
func (c *Conn) settle(left wsframe.Line, done written) outlook {
	c.server.traffic.bytesWritten.Add(uint64(done.bytes))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase.Load() == isClosed {
		left.Drop()
		return writeIdle
	}
	c.queue.Remove(done.whole)
	c.queue.PutBack(left)
	c.account.Settle(c.server.config.Memory, c.queue.Share)
	c.blocked = done.full
	switch {
	case done.err != nil:
		return writeError
	case done.full:
		return writeFull
	case !c.queue.Empty():
		return writeMore
	}
	c.scheduled = false
	if c.phase.Load() != isClosing {
		return writeIdle
	}
	c.flushed = true
	if c.clientClosed {
		return writeDone
	}
	c.server.timers.Advance(&c.timer, c.server.clock()+int64(lingerTimeout))
	return writeHalf
}

// source is a Conn as the writer of its socket sees it.
type source Conn

// Waiting implements netpoll.Source.
func (f *source) Waiting() int {
	c := (*Conn)(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.Frames
}

// Flush implements netpoll.Source.
func (f *source) Flush(buf []byte) (left netpoll.Flushed, progress bool) {
	c := (*Conn)(f)
	for bytes := 0; ; {
		c.mu.Lock()
		if c.phase.Load() == isClosed {
			c.mu.Unlock()
			return netpoll.Empty, progress
		}
		s, l := c.socket, c.queue.Take()
		c.mu.Unlock()

		done := s.tryWrite(&l, buf)
		bytes += done.bytes
		progress = progress || done.bytes > 0
		switch c.settle(l, done) {
		case writeIdle:
			return netpoll.Empty, progress
		case writeFull:
			return netpoll.Full, progress
		case writeHalf:
			_ = s.conn.CloseWrite() // if it fails, the reader finds out why
			return netpoll.Empty, progress
		case writeDone:
			c.end("", nil, nil)
			return netpoll.Empty, progress
		case writeError:
			c.end(TransportClose, done.err, nil)
			return netpoll.Empty, progress
		}
		if bytes >= netpoll.WriteTurn {
			return netpoll.More, progress
		}
	}
}

// tryWrite writes l until it is empty, the socket is full, or netpoll.WriteTurn is reached.
func (s *socket) tryWrite(l *wsframe.Line, buf []byte) (done written) {
	for !l.Empty() && done.bytes < netpoll.WriteTurn && done.err == nil && !done.full {
		p, n := l.Merge(buf, s.form), 0
		if len(p) > 0 {
			n, done.err = s.conn.TryWrite(p)
		}
		done.bytes += n
		done.full = done.err == nil && n < len(p)
		done.whole.Add(l.Advance(n, s.form))
	}
	return done
}

// writeBlocking writes the queue to a connection whose writes may block. It returns when the queue is empty.
func (s *socket) writeBlocking() {
	c := s.session
	defer c.server.group.Done()
	buf := make([]byte, 0, 16<<10)
	for {
		c.mu.Lock()
		if c.phase.Load() == isClosed {
			c.mu.Unlock()
			return
		}
		l := c.queue.Take()
		c.blocked = true
		c.mu.Unlock()
		var done written
		for !l.Empty() && done.err == nil {
			var n int
			n, done.err = s.conn.Write(l.Merge(buf, s.form))
			done.bytes += n
			done.whole.Add(l.Advance(n, s.form))
		}
		switch c.settle(l, done) {
		case writeIdle:
			return
		case writeHalf:
			_ = s.conn.CloseWrite() // as in Flush
			return
		case writeDone:
			_ = s.conn.Close() // TLS sends a close_notify; no other goroutine writes
			c.end("", nil, nil)
			return
		case writeError:
			c.end(TransportClose, done.err, nil)
			return
		}
	}
}
