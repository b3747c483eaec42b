//go:build !unix

package netpoll

import (
	"errors"
	"net"
	"syscall"
)

// On these systems goroutines that block read and write all connections.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readFD(uintptr, []byte) (n int, nothing bool, err error) { return 0, false, errors.ErrUnsupported }

func writeFD(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
