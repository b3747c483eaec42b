package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
)

// client stands for one connected client. A real one would be at the other end of a websocket.
type client struct {
	name  string
	node  int
	inbox chan<- delivery
}

// delivery is one event that reached a client.
type delivery struct {
	client *client
	args   backplane.Args
	at     time.Time
}

var (
	_ backplane.AckSocket       = (*client)(nil)
	_ backplane.DescribedSocket = (*client)(nil)
)

func (c *client) ID() string { return c.name }

func (c *client) Send(p *backplane.Packet) {
	select {
	case c.inbox <- delivery{c, p.Args, time.Now()}:
	default: // the demo has failed and nobody reads any more
	}
}

// SendAck answers at once: who it is, and what it says.
func (c *client) SendAck(_ context.Context, p *backplane.Packet, answer func(codec.Value)) {
	c.Send(p)
	v, err := codec.NewValue([]string{c.name, "yes"})
	if err != nil {
		panic(err) // strings can be encoded
	}
	answer(v)
}

func (c *client) Describe() (backplane.Handshake, codec.Value) {
	v, err := codec.NewValue(map[string]any{"node": c.node})
	if err != nil {
		panic(err) // a map of numbers can be encoded
	}
	return backplane.Handshake{Address: fmt.Sprintf("10.0.0.%d", c.node)}, v
}

func (c *client) Disconnect(bool) {}
