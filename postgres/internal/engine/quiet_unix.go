//go:build unix

package engine

import (
	"errors"
	"net"
	"syscall"
)

// peeker returns a function that looks at the first byte which has arrived on a connection and was not read. None means that all is quiet; the end
// of the stream, or an error, means that the connection is gone. One goroutine at a time calls it.
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
	look := func(fd uintptr) {
		for {
			_, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
			if !errors.Is(err, syscall.EINTR) {
				return
			}
		}
	}
	return func() (quiet, known bool) {
		// Control and not Read, which would wait for whoever is reading. The socket does not block.
		gone := raw.Control(look)
		return gone == nil && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK), true
	}
}
