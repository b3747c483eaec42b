//go:build !unix

package serve

import (
	"errors"
	"syscall"
)

// addressInUse is WSAEADDRINUSE of Windows.
const addressInUse = syscall.Errno(10048)

// isTaken reports whether err means that another program listens on the port.
func isTaken(err error) bool { return errors.Is(err, addressInUse) }
