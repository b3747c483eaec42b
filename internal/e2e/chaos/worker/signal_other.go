//go:build !unix

package worker

import "syscall"

// This system has no such signals: Process.Signal returns an error.
const (
	// Pause stops a process until Resume.
	Pause = syscall.Signal(-1)
	// Resume lets a process go on.
	Resume = syscall.Signal(-2)
)
