package interop

import (
	"context"
	"fmt"
	"sync/atomic"
)

// ClientSpec describes a client.
type ClientSpec struct {
	// Rooms and Data are what the server gives the client's socket.
	Rooms []string
	Data  any
	// Auth, Query and Headers are sent in the client's handshake.
	Auth    map[string]any
	Query   map[string]string
	Headers map[string]string
	// Ack says how the client acknowledges events. Default: Echo.
	Ack *Ack
}

// Client is a Socket.IO client connected to a Namespace.
type Client struct {
	ns   *Namespace
	name string
	id   string // guarded by the peer's mu until Connect returns

	events      Inbox[Event]
	disconnects Inbox[Event]
	rooms       Inbox[Event]
}

var lastClient atomic.Int64

// Connect connects a client and waits until its socket has joined its rooms.
func (ns *Namespace) Connect(ctx context.Context, c ClientSpec) (*Client, error) {
	p := ns.node.peer
	client := &Client{ns: ns, name: fmt.Sprintf("client%d", lastClient.Add(1))}
	p.mu.Lock()
	p.clients[client.name] = client
	p.mu.Unlock()

	in := spec{Client: client.name, Rooms: c.Rooms, Query: c.Query, Headers: c.Headers, Ack: c.Ack}
	if c.Data != nil {
		in.Data = &Value{V: c.Data}
	}
	if c.Auth != nil {
		in.Auth = &Value{V: c.Auth}
	}
	var out struct{ ID string }
	if err := ns.call(ctx, "connect", in, &out); err != nil {
		return nil, err
	}
	p.mu.Lock()
	client.id = out.ID
	p.mu.Unlock()
	return client, nil
}

// ID returns the id of the client's socket.
func (c *Client) ID() string { return c.id }

// Next waits for the next event of the client and returns it.
func (c *Client) Next(ctx context.Context) (Event, error) {
	e, err := c.events.Next(ctx)
	if err != nil {
		return e, fmt.Errorf("wait for an event to %s: %w", c.name, err)
	}
	return e, nil
}

// Disconnected waits until the client is disconnected and returns the reason that the client got.
func (c *Client) Disconnected(ctx context.Context) (string, error) {
	e, err := c.disconnects.Next(ctx)
	if err != nil {
		return "", fmt.Errorf("wait until %s is disconnected: %w", c.name, err)
	}
	return e.Reason, nil
}

// Joined waits until the client's socket has joined room after the connect.
func (c *Client) Joined(ctx context.Context, room string) error {
	return c.roomEvent(ctx, "join-room", room)
}

// Left waits until the client's socket has left room.
func (c *Client) Left(ctx context.Context, room string) error {
	return c.roomEvent(ctx, "leave-room", room)
}

func (c *Client) roomEvent(ctx context.Context, kind, room string) error {
	_, err := c.rooms.Await(ctx, func(e Event) bool { return e.Kind == kind && e.Room == room })
	if err != nil {
		return fmt.Errorf("%s of %s by %s: %w", kind, room, c.name, err)
	}
	return nil
}

// Rooms returns the rooms of the client's socket on the server, including the room named after its id.
func (c *Client) Rooms(ctx context.Context) ([]string, error) {
	var rooms []string
	err := c.ns.call(ctx, "rooms", spec{Client: c.name}, &rooms)
	return rooms, err
}

// Odd applies an odd value to the client's socket: it makes the socket join the value as a room ("join"), or
// stores the value in "data" or "handshake".
func (c *Client) Odd(ctx context.Context, op, value string) error {
	return c.ns.call(ctx, "odd", spec{Client: c.name, Op: op, Value: value}, nil)
}

// Answer changes how the client acknowledges.
func (c *Client) Answer(ctx context.Context, ack *Ack) error {
	return c.ns.call(ctx, "answer", spec{Client: c.name, Ack: ack}, nil)
}

// Close disconnects the client.
func (c *Client) Close(ctx context.Context) error {
	return c.ns.call(ctx, "disconnect", spec{Client: c.name}, nil)
}
