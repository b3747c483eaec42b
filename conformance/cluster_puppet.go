package conformance

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
)

// puppet is a peer that says only what the check makes it say, and hears all.
type puppet struct {
	c       *clusterCase
	config  core.Config
	uid     string
	nsp     string
	channel string
	heard   *inbox[*codec.Envelope]
}

// puppet connects a puppet to the case's namespace.
func (c *clusterCase) puppet(uid string) *puppet {
	c.Helper()
	config := c.config()
	p := &puppet{c: c, config: config, uid: uid, nsp: c.nsp, channel: config.ChannelPrefix + "#" + c.nsp, heard: newInbox[*codec.Envelope]()}
	var session transport.Session
	c.must("Open a session and Listen as a peer", func(ctx context.Context) (err error) {
		if session, err = config.Bus.Open(ctx); err != nil {
			return err
		}
		return session.Listen(ctx, p.channel)
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.Context()))
	var group sync.WaitGroup
	group.Go(func() {
		for {
			m, err := session.Receive(ctx)
			if err != nil {
				return
			}
			if env, err := config.Codec.Parse(m.Payload, codec.Text); err == nil {
				p.heard.put(env)
			}
		}
	})
	c.release(func(ctx context.Context) error {
		cancel()
		group.Wait()
		return session.Close(ctx)
	})
	return p
}

// known makes each of nodes know the puppet.
func (p *puppet) known(nodes ...*node) *puppet {
	p.c.Helper()
	p.say(codec.Envelope{Type: codec.Heartbeat})
	for _, n := range nodes {
		if _, err := await(p.c, n.joined, func(uid string) bool { return uid == p.uid }); err != nil {
			p.c.fail("publish a HEARTBEAT as a peer", "that "+n.name+" knows the peer", "nothing for %v", p.c.patience)
		}
	}
	return p
}

// say publishes a message of the puppet, or of whom the message names.
func (p *puppet) say(env codec.Envelope) {
	p.c.Helper()
	if env.UID == "" {
		env.UID = p.uid
	}
	env.NSP = p.nsp
	payload, err := p.config.Codec.Append(nil, &env, codec.Text)
	if err != nil {
		p.c.fail(fmt.Sprintf("encode %v as a peer", env.Type), "no error", "the error %q", err)
	}
	p.shout(string(payload))
}

// shout publishes any bytes.
func (p *puppet) shout(payload string) {
	p.c.Helper()
	p.c.must("publish "+quote(payload)+" as a peer", func(ctx context.Context) error {
		return p.config.Bus.Publish(ctx, transport.Message{Channel: p.channel, Payload: []byte(payload)})
	})
}

// hears returns the first message of a type from a node.
func (p *puppet) hears(called string, from *node, t codec.Type) *codec.Envelope {
	p.c.Helper()
	env, err := await(p.c, p.heard, func(env *codec.Envelope) bool { return env.UID == from.UID() && env.Type == t })
	if err != nil {
		p.c.fail(called, fmt.Sprintf("%v from %s on the bus", t, from.name), "%d other messages in %v", p.heard.len(), p.c.patience)
	}
	return env
}

// heardNone fails if a message of a type came from a node before one that comes now.
func (p *puppet) heardNone(called string, from *node, t codec.Type) {
	p.c.Helper()
	end := fmt.Sprintf("the end %d", ends.Add(1))
	p.c.emit(from, from.To("nobody"), end)
	_, err := await(p.c, p.heard, func(env *codec.Envelope) bool { return env.Args.Event() == end })
	if err != nil {
		p.c.fail(called+", Emit the end", "the end on the bus", "nothing for %v", p.c.patience)
	}
	for _, env := range p.heard.all() {
		if env.UID == from.UID() && env.Type == t && !strings.HasPrefix(env.Args.Event(), "the end ") {
			p.c.fail(called, fmt.Sprintf("no %v on the bus", t), "one with %s", quote(text(env.Args)))
		}
	}
}
