//go:build unix

package netpoll

import (
	"net"
	"syscall"
)

// rawConn returns access to the descriptor of nc, nil if nc is more than a socket, as with TLS.
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

// readFD reads without waiting. nothing says that there is nothing to read yet.
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

// writeFD writes what there is room for, without waiting. That may be nothing.
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
