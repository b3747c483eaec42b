//go:build unix

package serve

import (
	"errors"
	"syscall"
)

// isTaken reports whether err means that another program listens on the port.
func isTaken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
