//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package broker

import (
	"errors"
	"syscall"
)

// isClosed reports whether the broker is known to have closed the connection. It does not wait and consumes
// nothing.
func (c *Conn) isClosed() bool {
	conn, ok := c.rawConn().(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	closed, pending := false, false
	err = raw.Read(func(fd uintptr) (done bool) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		again := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
		closed, pending = n == 0 && err == nil || err != nil && !again, n > 0
		return true
	})
	return closed || err != nil || pending && c.saysGoodbye()
}
