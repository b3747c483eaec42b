// Package chat implements the chat of the demo. It spans the nodes of a cluster. Its page, which is embedded, also
// draws a diagram of the cluster.
//
// Clients send these events: "chat message" {room?, text}, "image" {room?, data}, "typing" {room?}, "ask" {room?,
// text, choices}, "join" and "leave" with a room, and "rename" with a name. The server acknowledges each event
// except "typing". If it refuses the event, the acknowledgement is {error}. It sends each message to the clients in
// the room, or to all clients, as an event with the same name and the additional fields from, node, room and at. It
// also sends the event "question", which clients acknowledge with the number of their choice, and the events
// "cluster" and "flow" for the diagram.
//
// The servers report their state to each other with the server-side event "node": see report.
//
// # Files
//
//   - chat.go: the chat of one node
//   - participant.go: one client and the events that it sends
//   - poll.go: a question to everybody
//   - rules.go: the limits of what clients may send
//   - overview.go: the nodes and clients that the diagram shows
//   - traffic.go: counts the messages that this node delivers
//   - page.go: serves the page in the folder page
package chat

import (
	"context"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// Config describes this node to the page.
type Config struct {
	// Name is the name of the node, usually its port.
	Name string
	// URL is the address of its page.
	URL string
	// Bus describes what the cluster communicates over.
	Bus string
	// Apart: servers cannot send each other reports and requests. The chat then knows only this node's clients.
	Apart bool
	// Unnamed: the peers of a server are numbers and not uids, so only those with this chat, which report theirs, are
	// known.
	Unnamed bool
	// PollTime is how long a question waits for answers. Default: 20 s.
	PollTime time.Duration
}

// Chat is the chat of one node.
type Chat struct {
	io       *socketio.Server
	config   Config
	overview *overview
	polls    sync.WaitGroup
}

// New adds the chat to a server.
func New(io *socketio.Server, config Config) *Chat {
	if config.PollTime <= 0 {
		config.PollTime = 20 * time.Second
	}
	c := &Chat{io: io, config: config, overview: newOverview(io, config)}
	io.OnServerSide("node", c.overview.receiveReport)
	io.OnConnection(c.accept)
	return c
}

// Wait waits until the goroutines of the chat have ended. Call it after Run has returned and the server was shut down.
func (c *Chat) Wait() { c.polls.Wait() }

// Run keeps the diagrams of this node's clients and of the other nodes up to date until ctx ends.
func (c *Chat) Run(ctx context.Context) { c.overview.run(ctx) }

// accept sets the handlers of a new connection.
func (c *Chat) accept(s *socketio.Socket) {
	p := &participant{chat: c, socket: s}
	p.chooseName()
	s.OnAnyOutgoing(c.overview.traffic.sent)
	s.On("chat message", p.sendText)
	s.On("image", p.sendPicture)
	s.On("typing", p.sendTyping)
	s.On("ask", p.ask)
	s.On("join", p.join)
	s.On("leave", p.leave)
	s.On("rename", p.rename)
	s.OnDisconnect(func(string) { c.overview.clientsChanged() })
	c.overview.clientsChanged()
}

// known returns the part of a target that the chat can send requests to.
func (c *Chat) known(to backplane.Target) backplane.Target {
	if c.config.Apart {
		return to.Local()
	}
	return to
}

// to targets the clients in a room, or all clients if room is empty.
func (c *Chat) to(room string) backplane.Target {
	if room == "" {
		return c.io.Target
	}
	return c.io.To(room)
}
