//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package broker

// isClosed always returns false: this system cannot tell. A request over a closed connection then fails.
func (c *Conn) isClosed() bool { return false }
