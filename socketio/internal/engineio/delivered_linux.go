package engineio

import (
	"encoding/binary"
	"net"
	"syscall"
	"unsafe"
)

// tcpEstablished is a state of a connection: the first byte of TCP_INFO, see tcp(7).
const tcpEstablished = 1

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

// established reports whether neither side has closed the connection. The kernel gives as much of TCP_INFO as there is room for,
// and all processors have a call for an option of four bytes.
func established(fd uintptr) bool {
	info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
	return err == nil && binary.NativeEndian.AppendUint32(nil, uint32(info))[0] == tcpEstablished
}

// unacknowledged returns how many bytes were written that the client's system has not acknowledged, negative: nobody knows.
func unacknowledged(fd uintptr) int {
	var n int32
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return -1
	}
	return int(n)
}
