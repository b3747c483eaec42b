//go:build !unix

package chaos

import "syscall"

// There is no such thing here: Process.Signal returns an error.
const (
	stop   = syscall.Signal(-1)
	resume = syscall.Signal(-2)
)
