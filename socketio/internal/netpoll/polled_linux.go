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

// maxReads is how often one connection is read before others are.
const maxReads = 16

// Polled is a connection that a poller reads. Go's runtime does not know its descriptor: it would keep a
// goroutine with a stack for each connection, and wake it for each message.
type Polled struct {
	fd     int
	users  atomic.Int32 // how many use fd, plus one until Close is called; the last one closes it
	closed atomic.Bool  // there is nothing to cut
	poller *poller
	next   *Polled      // in the poller's list of connections to be read
	state  atomic.Int32 // idle, …
	ending atomic.Bool  // the connection's end may follow its input, and no event will say so

	// of the reader
	handler  Handler
	watched  bool // the poller has the descriptor
	detached bool // it has it no longer
}

// The states of a polled connection.
const (
	idle    int32 = 0
	busy    int32 = 1 // it is being read, or is in the list of those to be read
	renewed int32 = 2 // busy, and there was another event
)

// notify notes an event. first is true if the connection was idle: the caller has to put it into the list of
// those to be read.
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

// settle makes the connection idle. It is false, and the connection is still busy, if there was another event.
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

// readAvailable reads what there is. It returns when there is nothing left, when others have to be read, or when
// here is full.
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

// end ends reading, unless the handler wants the connection to stay open. Then Wake or Cut has it read, and end
// called, once more.
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

// use keeps the descriptor from being closed until release. It is false if the descriptor has been closed.
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

// Close implements Conn. The descriptor is closed when nobody uses it. Close must be called once.
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

// Detach ends reading without an end of the connection. Only the handler's Input may call it. Closed is not
// called afterwards.
func (c *Polled) Detach() {
	c.detached = true
	c.poller.forget(c)
	if c.use() {
		c.poller.unwatch(c.fd)
		c.release()
	}
}

// NetConn returns a connection of Go's runtime that shares the socket. It is for detached connections, and does
// not close them.
func (c *Polled) NetConn() (net.Conn, error) {
	copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(c.fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return nil, errno
	}
	file := os.NewFile(copied, "socket")
	defer file.Close()
	return net.FileConn(file)
}
