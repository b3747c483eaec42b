//go:build !unix

package chaos

import "syscall"

// This system has no such signals: Process.Signal returns an error.
const (
	stop   = syscall.Signal(-1)
	resume = syscall.Signal(-2)
)
