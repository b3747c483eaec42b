package client

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// newSocket makes the socket for a namespace that the client wants to join. It replaces one that has not joined
// yet, as when a client gives up and tries again at once.
func (c *Client) newSocket(namespace string, auth codec.Value) Socket {
	s := c.host.NewSocket(namespace, auth)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live++
	if old := c.sockets.find(namespace); old != nil {
		old.Supersede()
	}
	c.sockets.put(s)
	return s
}

// mayJoin returns an error if a quota forbids the client to join a namespace with a packet of size bytes. old
// is the client's socket in the namespace, nil if there is none.
func (c *Client) mayJoin(old Socket, size int) error {
	if limit := c.config.MaxAuthBytes; limit >= 0 && size > limit {
		return c.host.OnQuota(quota.AuthBytes)
	}
	if old != nil {
		return nil
	}
	c.mu.Lock()
	if c.hasAllNamespaces() {
		c.sockets.removeDisconnected()
	}
	full := c.hasAllNamespaces()
	c.mu.Unlock()
	if full {
		return c.host.OnQuota(quota.Namespaces)
	}
	return nil
}

// hasAllNamespaces reports whether the client may not join another namespace. The caller holds mu.
func (c *Client) hasAllNamespaces() bool {
	return c.config.MaxNamespaces >= 0 && c.sockets.len() >= c.config.MaxNamespaces
}
