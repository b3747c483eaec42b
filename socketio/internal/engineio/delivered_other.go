//go:build !linux

package engineio

// delivered reports whether the client's system has acknowledged all that was written. Only Linux tells.
func (s *socket) delivered() bool { return false }
