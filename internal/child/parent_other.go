//go:build !linux

package child

import "syscall"

// EndWithParent does nothing on this system: only Linux can end a process with its parent. A child may outlive a
// parent that is killed.
func EndWithParent(*syscall.SysProcAttr, syscall.Signal) {}
