package engineio

import (
	"net"
	"syscall"
	"unsafe"
)

const (
	tcpInfo        = 11 // TCP_INFO, tcp(7); its first byte is the state
	tcpEstablished = 1
)

// delivered reports whether the client's system has acknowledged all that was written, and the client has not gone.
func (s *socket) delivered() bool {
	is := false
	look := func(fd uintptr) { is = established(fd) && unacknowledged(fd) == 0 }
	if d, ok := s.nc.(*descriptor); ok {
		if d.use() {
			look(uintptr(d.fd))
			d.release()
		}
		return is
	}
	nc, _ := s.nc.(net.Conn)
	if secured, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = secured.NetConn()
	}
	if raw := rawConn(nc); raw != nil {
		_ = raw.Control(look) // it has been closed if that fails
	}
	return is
}

// established reports whether neither side has closed the connection.
func established(fd uintptr) bool {
	var info [128]byte
	size := uint32(len(info))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, tcpInfo,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return errno == 0 && info[0] == tcpEstablished
}

// unacknowledged returns how many bytes were written that the client's system has not acknowledged, negative: nobody knows.
func unacknowledged(fd uintptr) int {
	var n int32
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return -1
	}
	return int(n)
}
