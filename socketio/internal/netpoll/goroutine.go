package netpoll

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// buffers holds the buffers that connections use while they have input.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, bufferSize)
	return &b
}}

// ownBufferSize is the size of the buffer of a connection that always needs one.
const ownBufferSize = Reserve + 2<<10

// goroutineConn is a Conn that is read by its own goroutine.
type goroutineConn struct {
	net.Conn
	raw     syscall.RawConn // nil: not a plain TCP or Unix connection
	handler Handler
	woken   chan struct{}

	// only for the reader
	own      []byte                // the buffer if raw is nil
	borrowed *[]byte               // the buffer that tryRead has read to
	tryRead  func(fd uintptr) bool // the func for raw.Read, allocated once
	n        int
	err      error

	// only for the writer
	out      []byte
	tryWrite func(fd uintptr) bool // the func for raw.Write, allocated once
	written  int
	writeErr error
}

func newGoroutineConn(nc net.Conn) *goroutineConn {
	c := &goroutineConn{Conn: nc, raw: rawConn(nc), woken: make(chan struct{}, 1)}
	if c.raw == nil {
		c.own = make([]byte, ownBufferSize)
		return c
	}
	c.tryRead = func(fd uintptr) bool {
		buf := buffers.Get().(*[]byte)
		n, nothing, err := readFD(fd, (*buf)[Reserve:])
		if nothing {
			buffers.Put(buf)
			return false
		}
		c.borrowed, c.n, c.err = buf, n, err
		return true
	}
	c.tryWrite = func(fd uintptr) bool {
		c.written, c.writeErr = writeFD(fd, c.out)
		return true // never wait: the func has written what it could
	}
	return c
}

// Start implements Conn.
func (c *goroutineConn) Start(h Handler, _ bool) {
	c.handler = h
	go func() { h.Closed(c.readAll()) }()
}

// readAll reads until the connection ends.
func (c *goroutineConn) readAll() error {
	for {
		switch c.next() {
		case Again:
		case Wait:
			<-c.woken
		default:
			err := c.readOnce()
			var timeout net.Error
			switch {
			case err == nil:
			case errors.As(err, &timeout) && timeout.Timeout(): // the deadline that Wake has set
				_ = c.SetReadDeadline(time.Time{}) // cannot fail, because Wake has set it
			default:
				c.end(err)
				return err
			}
		}
	}
}

func (c *goroutineConn) next() Step {
	if c.own != nil {
		return c.handler.Next(c.own, nil)
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	return c.handler.Next(*buf, nil)
}

// end waits until the connection need not stay open.
func (c *goroutineConn) end(err error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for !c.handler.End(*buf, err, nil) {
		<-c.woken
	}
}

// readOnce reads once. A plain connection borrows a buffer only when there is input, so that waiting costs no
// buffer.
func (c *goroutineConn) readOnce() error {
	if c.raw == nil {
		n, err := c.Read(c.own[Reserve:])
		if n > 0 {
			c.handler.Input(c.own, n, nil)
		}
		return err
	}
	if err := c.raw.Read(c.tryRead); err != nil {
		return err
	}
	if c.n > 0 {
		c.handler.Input(*c.borrowed, c.n, nil)
	}
	buffers.Put(c.borrowed)
	c.borrowed = nil
	if c.err == nil && c.n == 0 {
		return io.EOF
	}
	return c.err
}

// Wake implements Conn.
func (c *goroutineConn) Wake() {
	c.signal()
	_ = c.SetReadDeadline(time.Unix(1, 0)) // if it cannot be set, the reader calls Next after the next input
}

func (c *goroutineConn) signal() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// Blocks implements Conn.
func (c *goroutineConn) Blocks() bool { return c.raw == nil }

// TryWrite implements Conn.
func (c *goroutineConn) TryWrite(p []byte) (int, error) {
	c.out, c.written = p, 0
	err := c.raw.Write(c.tryWrite)
	c.out = nil
	if err != nil {
		return 0, err
	}
	return c.written, c.writeErr
}

// CloseWrite implements Conn.
func (c *goroutineConn) CloseWrite() error {
	if nc, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return nc.CloseWrite()
	}
	return nil
}

// Cut implements Conn.
func (c *goroutineConn) Cut() {
	c.signal() // in case the reader waits for it
	if nc, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		_ = nc.NetConn().Close() // TLS would wait until its close_notify has been written
		return
	}
	_ = c.Conn.Close()
}

// Delivered implements Conn.
func (c *goroutineConn) Delivered() bool {
	nc := c.Conn
	if secured, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = secured.NetConn()
	}
	is := false
	if raw := rawConn(nc); raw != nil {
		_ = raw.Control(func(fd uintptr) { is = delivered(fd) }) // an error means that it is closed
	}
	return is
}
