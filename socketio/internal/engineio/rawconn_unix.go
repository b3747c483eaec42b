//go:build unix

package engineio

import (
	"net"
	"syscall"
)

// rawConn returns access to nc's file descriptor, nil if nc is more than a socket, such as TLS.
func rawConn(nc net.Conn) syscall.RawConn {
	switch nc := nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := nc.(syscall.Conn).SyscallConn()
		if err != nil {
			return nil
		}
		return raw
	case *replayed:
		if len(nc.head) == 0 {
			return rawConn(nc.Conn)
		}
	}
	return nil
}

// readFD reads without waiting. again: there is nothing to read yet.
func readFD(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = receive(fd, p)
		switch err {
		case nil:
			return n, false, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, true, nil
		default:
			return 0, false, err
		}
	}
}

// writeFD writes what there is room for, without waiting. It may be nothing.
func writeFD(fd uintptr, p []byte) (int, error) {
	for {
		n, err := transmit(fd, p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}
