package netpoll

import "net"

// Prefixed is a net.Conn from which Head has been read already. The next Read returns Head.
type Prefixed struct {
	net.Conn
	Head []byte
}

// Read implements net.Conn.
func (c *Prefixed) Read(p []byte) (int, error) {
	if len(c.Head) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.Head)
	if c.Head = c.Head[n:]; len(c.Head) == 0 {
		c.Head = nil
	}
	return n, nil
}

// CloseWrite tells the peer that nothing follows.
func (c *Prefixed) CloseWrite() error {
	if nc, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return nc.CloseWrite()
	}
	return nil
}
