package netpoll

import (
	"encoding/binary"
	"syscall"
	"unsafe"
)

// tcpEstablished is a state of a connection: the first byte of TCP_INFO, see tcp(7).
const tcpEstablished = 1

// delivered reports whether the connection is established and its peer has acknowledged everything that was
// written.
func delivered(fd uintptr) bool { return established(fd) && unacknowledged(fd) == 0 }

// established reports whether neither side has closed the connection. The kernel returns as much of TCP_INFO as
// fits, and package syscall can read an option of four bytes on all architectures.
func established(fd uintptr) bool {
	info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
	return err == nil && binary.NativeEndian.AppendUint32(nil, uint32(info))[0] == tcpEstablished
}

// unacknowledged returns how many bytes have been written but not acknowledged, -1 if that is not known.
func unacknowledged(fd uintptr) int {
	var n int32
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return -1
	}
	return int(n)
}
