package interop_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// goClient is a client of a Go side: a socket in the registry with configured answers.
type goClient struct {
	side      *goSide
	id        string
	ack       *interop.Ack
	handshake backplane.Handshake
	data      backplane.Value

	events      interop.Inbox[interop.Event]
	disconnects interop.Inbox[string]
	rooms       interop.Inbox[interop.Event]
}

var (
	_ backplane.AckSocket       = (*goClient)(nil)
	_ backplane.DescribedSocket = (*goClient)(nil)
)

func (s *goSide) connect(_ context.Context, spec interop.ClientSpec) (client, error) {
	var id [10]byte
	_, _ = rand.Read(id[:])
	now := time.Now()
	c := &goClient{side: s, id: hex.EncodeToString(id[:]), ack: spec.Ack, handshake: backplane.Handshake{
		Headers: anyMap(spec.Headers), Query: anyMap(spec.Query), Time: now.Format(time.RFC1123), Address: "127.0.0.1",
		Issued: now.UnixMilli(), URL: "/socket.io/?EIO=4&transport=websocket",
	}}
	if spec.Auth != nil {
		c.handshake.Auth = spec.Auth
	}
	if c.ack == nil {
		c.ack = interop.Echo()
	}
	var err error
	if c.data, err = valueOf(spec.Data); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.clients[c.id] = c
	s.mu.Unlock()
	s.registry.Add(c, spec.Rooms...)
	return c, nil
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// ID implements backplane.Socket and client.
func (c *goClient) ID() string { return c.id }

// Send implements backplane.Socket.
func (c *goClient) Send(p *backplane.Packet) { c.events.Put(eventOf(p.Args, false)) }

// SendAck implements backplane.AckSocket.
func (c *goClient) SendAck(ctx context.Context, p *backplane.Packet, answer func(backplane.Value)) {
	e := eventOf(p.Args, true)
	c.events.Put(e)
	acknowledge(c.ack, values(e.Args), answer)
}

// Disconnect implements backplane.Socket.
func (c *goClient) Disconnect(closing bool) {
	c.side.registry.RemoveID(c.id)
	reason := "left the namespace by the server"
	if closing {
		reason = closedByServer
	}
	c.disconnects.Put(reason)
}

// Describe implements backplane.DescribedSocket.
func (c *goClient) Describe() (backplane.Handshake, backplane.Value) { return c.handshake, c.data }

// Next and the methods below implement client.
func (c *goClient) Next(ctx context.Context) (interop.Event, error) { return c.events.Next(ctx) }

func (c *goClient) Disconnected(ctx context.Context) (string, error) { return c.disconnects.Next(ctx) }

func (c *goClient) Joined(ctx context.Context, room string) error {
	return c.roomEvent(ctx, "join-room", room)
}

func (c *goClient) Left(ctx context.Context, room string) error {
	return c.roomEvent(ctx, "leave-room", room)
}

func (c *goClient) roomEvent(ctx context.Context, kind, room string) error {
	_, err := c.rooms.Await(ctx, func(e interop.Event) bool { return e.Kind == kind && e.Room == room })
	return err
}

func (c *goClient) Rooms(context.Context) ([]string, error) {
	return c.side.registry.SocketRooms(c.id), nil
}

func (s *goSide) roomEvent(kind, room, id string) {
	s.mu.Lock()
	c := s.clients[id]
	s.mu.Unlock()
	if c != nil {
		c.rooms.Put(interop.Event{Kind: kind, Room: room, ID: id})
	}
}

// serverSide handles the server-side events that OnServerSide has registered.
func (s *goSide) serverSide(args backplane.Args, reply func(backplane.Value)) {
	s.mu.Lock()
	ack := s.answers[args.Event()]
	s.mu.Unlock()
	if ack == nil {
		return
	}
	e := eventOf(args, reply != nil)
	s.emitted.Put(e)
	if reply != nil {
		acknowledge(ack, values(e.Args), reply)
	}
}

func eventOf(args backplane.Args, withAck bool) interop.Event {
	e := interop.Event{Event: args.Event(), WithAck: withAck}
	all, err := args.Values()
	if err != nil {
		return interop.Event{Event: "undecodable: " + err.Error()}
	}
	for _, v := range all {
		plain, err := plainOf(v)
		if err != nil {
			return interop.Event{Event: "undecodable: " + err.Error()}
		}
		e.Args = append(e.Args, interop.Value{V: plain})
	}
	return e
}

// acknowledge does the same as node/clients.js.
func acknowledge(ack *interop.Ack, args []any, answer func(backplane.Value)) {
	var v any
	var rest []any
	switch ack.Mode {
	case "none":
		return
	case "echo":
		v = args
	case "value":
		v = ack.Value.V
	case "values":
		all := ack.Value.V.([]any)
		v, rest = all[0], all[1:]
	}
	give := func() {
		encoded, err := valueOf(v)
		if err != nil {
			encoded, _ = valueOf("unencodable: " + err.Error())
		}
		if len(rest) > 0 {
			behind, err := valueOf(rest)
			if err != nil {
				encoded, _ = valueOf("unencodable: " + err.Error())
			}
			encoded = encoded.WithRest(behind)
		}
		answer(encoded)
	}
	if ack.Delay > 0 {
		time.AfterFunc(time.Duration(ack.Delay)*time.Millisecond, give)
		return
	}
	give()
}
