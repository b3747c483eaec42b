// Package chat is what the servers of the demo do: a chat that spans the nodes of a cluster, and a strip that shows the
// cluster at it. The page in front of it is embedded.
//
// Clients send "chat message" {room?, text}, "image" {room?, data}, "typing" {room?}, "ask" {room?, text, choices}, "join" and
// "leave" with a room, and "rename" with a name. Each is acknowledged, with {error} if it is refused. What is said goes to
// the clients in the room, or to all, under the same name, with from, node, room and at added. Clients get "question" too,
// which they acknowledge with the number of their choice, and for the strip "cluster" and "flow".
//
// Servers tell each other about themselves with a server-side event "node": see report.
package chat

import (
	"context"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// Config says what the strip shows of this node.
type Config struct {
	// Name is what the node is called: its port.
	Name string
	// URL is where its page is.
	URL string
	// Bus says what the cluster goes over.
	Bus string
	// PollTime is how long a question waits for answers. Default: 20 s.
	PollTime time.Duration
}

// Chat is the chat of one node.
type Chat struct {
	io     *socketio.Server
	config Config
	strip  *strip
	polls  sync.WaitGroup
}

// New makes io a chat.
func New(io *socketio.Server, config Config) *Chat {
	if config.PollTime <= 0 {
		config.PollTime = 20 * time.Second
	}
	c := &Chat{io: io, config: config, strip: newStrip(io, config)}
	io.OnServerSide("node", c.strip.heard)
	io.OnConnection(c.connection)
	return c
}

// Wait returns once nothing of the chat runs any more, after Run has ended and io was shut down.
func (c *Chat) Wait() { c.polls.Wait() }

// Run keeps the strips up to date, the clients' and those of other nodes, until ctx ends.
func (c *Chat) Run(ctx context.Context) { c.strip.run(ctx) }

func (c *Chat) connection(s *socketio.Socket) {
	m := &member{chat: c, socket: s}
	m.introduce()
	s.OnAnyOutgoing(c.strip.traffic.sent)
	s.On("chat message", m.say)
	s.On("image", m.show)
	s.On("typing", m.typing)
	s.On("ask", m.ask)
	s.On("join", m.join)
	s.On("leave", m.leave)
	s.On("rename", m.rename)
	s.OnDisconnect(func(string) { c.strip.changed() })
	c.strip.changed()
}

// to targets the clients in a room, or all.
func (c *Chat) to(room string) backplane.Target {
	if room == "" {
		return c.io.Target
	}
	return c.io.To(room)
}
