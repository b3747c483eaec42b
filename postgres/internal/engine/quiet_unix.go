//go:build unix

package engine

import (
	"errors"
	"net"
	"syscall"
)

// peeker returns a function that peeks at the first unread byte of a connection. If there is none, the
// connection is quiet. The end of the stream or an error means that the connection is gone. Only one goroutine
// at a time may call the result.
func peeker(conn net.Conn) func() (quiet, known bool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return unknown
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return func() (quiet, known bool) { return false, true }
	}
	var b [1]byte
	peek := func(fd uintptr) {
		for {
			_, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
			if !errors.Is(err, syscall.EINTR) {
				return
			}
		}
	}
	return func() (quiet, known bool) {
		// Control and not Read, which would wait for a goroutine that is reading. The socket does not block.
		gone := raw.Control(peek)
		return gone == nil && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK), true
	}
}
