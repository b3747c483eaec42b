//go:build !linux

package child

import "syscall"

// EndWithParent does nothing here: only Linux ends a process with its parent. A child whose parent was killed may stay behind.
func EndWithParent(*syscall.SysProcAttr, syscall.Signal) {}
