//go:build !unix

package netpoll

import (
	"errors"
	"net"
	"syscall"
)

// rawConn returns nil: on these systems all reads and writes block a goroutine.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readFD(uintptr, []byte) (n int, nothing bool, err error) { return 0, false, errors.ErrUnsupported }

func writeFD(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
