//go:build unix

package netpoll

import (
	"net"
	"syscall"
)

// rawConn returns access to the descriptor of nc, or nil if nc is not a plain TCP or Unix connection, as with
// TLS.
func rawConn(nc net.Conn) syscall.RawConn {
	switch nc := nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := nc.(syscall.Conn).SyscallConn()
		if err != nil {
			return nil
		}
		return raw
	case *Prefixed:
		if len(nc.Head) == 0 {
			return rawConn(nc.Conn)
		}
	}
	return nil
}

// readFD reads without blocking. nothing reports that there is no input yet.
func readFD(fd uintptr, p []byte) (n int, nothing bool, err error) {
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

// writeFD writes as much as there is room for, without blocking. That may be nothing.
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
