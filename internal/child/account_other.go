//go:build !unix

package child

import "syscall"

// Unprivileged returns empty attributes: only Unix can start a program with another account.
func Unprivileged(syscall.Signal, ...string) (*syscall.SysProcAttr, error) {
	return new(syscall.SysProcAttr), nil
}

// GiveTo does nothing on this system.
func GiveTo(*syscall.SysProcAttr, string) error { return nil }
