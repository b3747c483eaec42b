//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package broker

// isClosed is not known here: a request over a connection that is closed fails.
func (c *Conn) isClosed() bool { return false }
