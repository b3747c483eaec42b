//go:build !unix

package engineio

import (
	"errors"
	"net"
	"syscall"
)

// Elsewhere every connection is read and written by blocking goroutines.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readFD(uintptr, []byte) (n int, again bool, err error) { return 0, false, errors.ErrUnsupported }

func writeFD(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
