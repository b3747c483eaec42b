//go:build unix

package worker

import "syscall"

const (
	// Pause stops a process until Resume.
	Pause = syscall.SIGSTOP
	// Resume lets a process go on.
	Resume = syscall.SIGCONT
)
