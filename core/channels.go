package core

import (
	"errors"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

// channels says which namespaces listen to a channel. Most dialects give each namespace channels of its own; then the
// namespace of a message is known before the message is read.
type channels map[string]*channelUse

type channelUse struct {
	users int
	only  *Namespace // the namespace that listens, if there is only one
}

func (c channels) add(ns *Namespace, names ...string) {
	for _, channel := range names {
		use := c[channel]
		if use == nil {
			use = &channelUse{}
			c[channel] = use
		}
		use.users++
		use.only = nil
		if use.users == 1 {
			use.only = ns
		}
	}
}

func (c channels) remove(ns *Namespace, names ...string) {
	for _, channel := range names {
		use := c[channel]
		if use.users--; use.users == 0 {
			delete(c, channel)
		}
		if use.only == ns {
			use.only = nil
		}
	}
}

// changeChannels makes messages on channels reach a namespace (on), or no longer. A channel that two namespaces share
// stays shared until both have left it.
func (c *Cluster) changeChannels(ns *Namespace, on bool, names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on {
		c.channels.add(ns, names...)
	} else {
		c.channels.remove(ns, names...)
	}
}

// deliver passes a received message to its namespace.
func (c *Cluster) deliver(r *transport.Record, at time.Time) {
	m := r.Message
	c.mu.RLock()
	use := c.channels[m.Channel]
	var only *Namespace
	if use != nil {
		only = use.only
	}
	c.mu.RUnlock()
	switch {
	case only != nil && only.log != nil && r.Keep:
		only.log.receive(r, at)
	case only != nil:
		only.receive(m, at)
	case use != nil:
		c.receiveShared(m, at)
	case m.Channel == c.process.self.channel:
		c.process.receive(m, at)
	}
}

// receiveShared handles a message on a channel of several namespaces.
func (c *Cluster) receiveShared(m transport.Message, at time.Time) {
	if env, ok := c.process.self.read(m, at); ok {
		c.dispatch(env, len(m.Payload), at)
	}
}

// dispatch passes a message to the namespaces that it is for. Those that are not open here do not matter.
func (c *Cluster) dispatch(env *codec.Envelope, size int, at time.Time) {
	others := c.wire.Overlaps(env)
	if ns := c.namespace(env.NSP); ns != nil {
		if len(others) > 0 {
			same := *env
			ns.received(&same, size, at)
		} else {
			ns.received(env, size, at)
		}
	}
	for _, name := range others {
		if ns := c.namespace(name); ns != nil {
			same := *env
			ns.received(&same, size, at)
		}
	}
}

func (c *Cluster) namespace(name string) *Namespace {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.namespaces[name]
}

// hears reports whether a message that this node sends on a channel comes back to it.
func (ns *Namespace) hears(channel string) bool {
	for _, name := range ns.names {
		prefix, many := transport.CutPrefixName(name)
		if name == channel || many && strings.HasPrefix(channel, prefix) {
			return true
		}
	}
	return ns.rooms != nil && ns.rooms.hears(channel)
}

// register makes messages on the namespace's channel reach it.
func (c *Cluster) register(ns *Namespace) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == isClosing:
		return ErrClosed
	case !c.running:
		return errors.New("backplane: Namespace: the cluster was not started: call Start first")
	}
	if c.namespaces[ns.name] != nil {
		return ErrNamespaceExists
	}
	c.namespaces[ns.name] = ns
	c.channels.add(ns, ns.names...)
	return nil
}

func (c *Cluster) unregister(ns *Namespace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.namespaces[ns.name] == ns {
		delete(c.namespaces, ns.name)
		c.channels.remove(ns, ns.names...)
	}
}
