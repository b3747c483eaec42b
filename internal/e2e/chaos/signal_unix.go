//go:build unix

package chaos

import "syscall"

const (
	stop   = syscall.SIGSTOP
	resume = syscall.SIGCONT
)
