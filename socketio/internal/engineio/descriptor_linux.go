package engineio

import (
	"net"
	"os"
	"sync/atomic"
	"syscall"
)

// descriptor is a socket that is the server's own: the runtime, which would keep a goroutine with a stack for each of them
// and wake it for each message, does not know it. It is closed when nobody uses it any more.
type descriptor struct {
	fd   int
	refs atomic.Int32 // who uses fd, plus one until Close is called
	over atomic.Bool  // Close has been called
}

// adopt takes nc's socket, and closes nc. It is nil, and nc as it was, if nc is more than a socket, or there is no descriptor left.
func adopt(nc net.Conn) *descriptor {
	raw := rawConn(nc)
	if raw == nil {
		return nil
	}
	d := &descriptor{fd: -1}
	err := raw.Control(func(fd uintptr) {
		if copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0); errno == 0 {
			d.fd = int(copied)
		}
	})
	if err != nil || d.fd < 0 {
		return nil
	}
	d.refs.Store(1)
	_ = nc.Close() // the socket lives on in its copy
	return d
}

// use keeps the descriptor from being closed until release. It is false if it has been.
func (d *descriptor) use() bool {
	for {
		n := d.refs.Load()
		if n == 0 {
			return false
		}
		if d.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (d *descriptor) release() {
	if d.refs.Add(-1) == 0 {
		_ = syscall.Close(d.fd)
	}
}

// Write writes what there is room for, without waiting.
func (d *descriptor) Write(p []byte) (int, error) {
	if !d.use() {
		return 0, net.ErrClosed
	}
	defer d.release()
	return writeFD(uintptr(d.fd), p)
}

// Close closes the socket once nobody uses it. Only who reads may call it, once.
func (d *descriptor) Close() error {
	d.over.Store(true)
	d.release()
	return nil
}

// CloseWrite tells the client that nothing follows.
func (d *descriptor) CloseWrite() error { return d.shutdown(syscall.SHUT_WR) }

// cut ends the connection, which who reads is told by its poller.
func (d *descriptor) cut() {
	if !d.over.Load() {
		_ = d.shutdown(syscall.SHUT_RDWR) // if the client has gone already, the poller has told
	}
}

func (d *descriptor) shutdown(how int) error {
	if !d.use() {
		return net.ErrClosed
	}
	defer d.release()
	return syscall.Shutdown(d.fd, how)
}

// borrowed is a descriptor as a writer knows it.
type borrowed descriptor

func (b *borrowed) Write(f func(fd uintptr) bool) error {
	d := (*descriptor)(b)
	if !d.use() {
		return net.ErrClosed
	}
	f(uintptr(d.fd))
	d.release()
	return nil
}

// conn makes a connection of the runtime's, which shares the socket.
func (d *descriptor) conn() (net.Conn, error) {
	copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(d.fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return nil, errno
	}
	file := os.NewFile(copied, "socket")
	defer file.Close()
	return net.FileConn(file)
}
