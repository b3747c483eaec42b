package netpoll

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// maxReads is how many times one connection is read before the next connection is.
const maxReads = 16

// Polled is a connection that a poller reads. Its descriptor is not registered with Go's runtime, which would
// need a goroutine with a stack for each connection, and wake it for each message.
type Polled struct {
	fd     int
	users  atomic.Int32 // number of users of fd, plus one until Close is called; the last user closes fd
	closed atomic.Bool  // there is nothing to cut
	poller *poller
	next   *Polled      // in the poller's list of connections to be read
	state  atomic.Int32 // idle, busy or renewed
	ending atomic.Bool  // the peer may have closed the connection, and no further event will report it

	// only for the reader
	handler  Handler
	watched  bool // the descriptor was registered with the poller
	detached bool // the descriptor was removed from the poller
}

// The states of a polled connection.
const (
	idle    int32 = 0
	busy    int32 = 1 // being read, or in the poller's list
	renewed int32 = 2 // busy, and another event has arrived
)

// notify records an event. first is true if the connection was idle: the caller has to append it to the
// poller's list.
func (c *Polled) notify() (first bool) {
	for {
		if c.state.CompareAndSwap(idle, busy) {
			return true
		}
		if c.state.CompareAndSwap(busy, renewed) || c.state.Load() == renewed {
			return false
		}
	}
}

// settle makes the connection idle. If another event has arrived, it returns false, and the connection stays
// busy.
func (c *Polled) settle() bool {
	if c.state.CompareAndSwap(busy, idle) {
		return true
	}
	c.state.Store(busy)
	return false
}

// Start implements Conn.
func (c *Polled) Start(h Handler, kept bool) {
	c.handler = h
	if !c.watched {
		c.watched = true
		c.poller.watch(c, kept)
	}
}

// Wake implements Conn.
func (c *Polled) Wake() { c.poller.wake(c) }

// readAvailable reads the available input. It returns when there is no more, after maxReads reads, or when here
// is full.
func (c *Polled) readAvailable(buf []byte, here *sched.Slot) {
	for range maxReads {
		more := true
		switch c.handler.Next(buf, here) {
		case Again:
		case Wait:
			if c.ending.Load() {
				c.end(buf, io.EOF, here)
				return
			}
			more = false
		default:
			n, nothing, err := readFD(uintptr(c.fd), buf[Reserve:])
			switch {
			case nothing:
				if c.settle() {
					return
				}
				continue
			case err != nil:
				c.end(buf, err, here)
				return
			case n == 0:
				c.end(buf, io.EOF, here)
				return
			}
			more = n == len(buf)-Reserve || c.ending.Load()
			more = c.handler.Input(buf, n, here) || more
			if c.detached {
				return
			}
		}
		switch settled := !more && c.settle(); {
		case settled:
			return
		case here.Full():
			c.poller.requeue(c)
			return
		}
	}
	c.poller.requeue(c)
}

// end ends reading, unless the handler keeps the connection open. In that case, end is called again after Wake
// or Cut.
func (c *Polled) end(buf []byte, err error, here *sched.Slot) {
	for !c.handler.End(buf, err, here) {
		if c.settle() {
			return
		}
	}
	c.poller.forget(c)
	c.closed.Store(true)
	c.handler.Closed(err)
}

// use keeps the descriptor from being closed until release. It returns false if the descriptor has been closed.
func (c *Polled) use() bool {
	for {
		n := c.users.Load()
		if n == 0 {
			return false
		}
		if c.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *Polled) release() {
	if c.users.Add(-1) == 0 {
		_ = syscall.Close(c.fd)
	}
}

// Write implements Conn. It does not wait.
func (c *Polled) Write(p []byte) (int, error) {
	if !c.use() {
		return 0, net.ErrClosed
	}
	n, err := writeFD(uintptr(c.fd), p)
	c.release()
	return n, err
}

// TryWrite implements Conn.
func (c *Polled) TryWrite(p []byte) (int, error) { return c.Write(p) }

// Blocks implements Conn.
func (c *Polled) Blocks() bool { return false }

// SetWriteDeadline implements Conn. Writes never wait.
func (c *Polled) SetWriteDeadline(time.Time) error { return nil }

// CloseWrite implements Conn.
func (c *Polled) CloseWrite() error { return c.shutdown(syscall.SHUT_WR) }

// Cut implements Conn. The poller gets an event.
func (c *Polled) Cut() {
	if !c.closed.Load() {
		_ = c.shutdown(syscall.SHUT_RDWR) // if it fails, the peer has closed the connection, which is an event too
	}
}

func (c *Polled) shutdown(how int) error {
	if !c.use() {
		return net.ErrClosed
	}
	defer c.release()
	return syscall.Shutdown(c.fd, how)
}

// Close implements Conn. The descriptor is closed when it is no longer in use. Close must be called exactly
// once.
func (c *Polled) Close() error {
	c.closed.Store(true)
	c.release()
	return nil
}

// Delivered implements Conn.
func (c *Polled) Delivered() bool {
	if !c.use() {
		return false
	}
	defer c.release()
	return delivered(uintptr(c.fd))
}

// Detach ends reading but not the connection. Only the handler's Input may call it. Closed is not called
// afterwards.
func (c *Polled) Detach() {
	c.detached = true
	c.poller.forget(c)
	if c.use() {
		c.poller.unwatch(c.fd)
		c.release()
	}
}

// NetConn returns a net.Conn that shares the socket of a detached connection. It does not close the Polled.
func (c *Polled) NetConn() (net.Conn, error) {
	copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(c.fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return nil, errno
	}
	file := os.NewFile(copied, "socket")
	defer file.Close()
	return net.FileConn(file)
}
