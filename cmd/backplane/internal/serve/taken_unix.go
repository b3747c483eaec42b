//go:build unix

package serve

import (
	"errors"
	"syscall"
)

// isTaken reports whether err says that somebody else listens on the port.
func isTaken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
