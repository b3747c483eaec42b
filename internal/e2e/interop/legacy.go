package interop

import (
	"context"
	"encoding/json"
	"time"
)

// LegacyOptions are the options of a Legacy peer. Zero means the package's default.
type LegacyOptions struct {
	// Key is the first part of all channel names. The adapter counts the nodes with this key in all databases of the
	// server, so parallel tests need different ones.
	Key             string
	RequestsTimeout time.Duration
	// CountAsNumber makes the adapter's count of nodes a number. By default it is a string that the adapter compares
	// with a number, and Clients, AllRooms and CustomRequest end by timeout although all nodes have answered.
	CountAsNumber bool
	// IDs is a text from which all ids are derived. Peers with the same text and the same calls have the same ids. By
	// default ids are random.
	IDs string
	// Unguarded lets errors that nobody handles end the process, as Node.js does. By default they go to Peer.Errors.
	Unguarded bool
}

// arg is the value for legacy.js.
func (o LegacyOptions) arg() any {
	return struct {
		Key             string `json:"key,omitempty"`
		RequestsTimeout int64  `json:"requestsTimeout,omitempty"`
		CountAsNumber   bool   `json:"countAsNumber,omitempty"`
		IDs             string `json:"ids,omitempty"`
		Unguarded       bool   `json:"unguarded,omitempty"`
	}{o.Key, o.RequestsTimeout.Milliseconds(), o.CountAsNumber, o.IDs, o.Unguarded}
}

// EmitFrom broadcasts an event from the socket of a client, which does not get it: to the rooms of to, or to all
// clients. Only Legacy peers have it.
func (ns *Namespace) EmitFrom(ctx context.Context, c *Client, to Target, event string, args ...any) error {
	return ns.call(ctx, "emit", spec{Target: to, Client: c.name, Event: event, Args: list(args)}, nil)
}

// The requests of socket.io-adapter-postgres, which only Legacy peers have. An error of the adapter is Answer.Error;
// Answer.Values then has what came before the timeout.

// Clients asks all nodes for the ids of the sockets in any of the rooms, or of all sockets.
func (ns *Namespace) Clients(ctx context.Context, rooms ...string) (Answer, error) {
	return ns.answer(ctx, "clients", spec{Rooms: rooms})
}

// ClientRooms asks for the rooms of a socket.
func (ns *Namespace) ClientRooms(ctx context.Context, id string) (Answer, error) {
	return ns.answer(ctx, "clientRooms", spec{Socket: id})
}

// AllRooms asks all nodes for their rooms.
func (ns *Namespace) AllRooms(ctx context.Context) (Answer, error) {
	return ns.answer(ctx, "allRooms", spec{})
}

// RemoteJoin makes a socket join a room.
func (ns *Namespace) RemoteJoin(ctx context.Context, id, room string) (Answer, error) {
	return ns.answer(ctx, "remoteJoin", spec{Socket: id, Rooms: []string{room}})
}

// RemoteLeave makes a socket leave a room.
func (ns *Namespace) RemoteLeave(ctx context.Context, id, room string) (Answer, error) {
	return ns.answer(ctx, "remoteLeave", spec{Socket: id, Rooms: []string{room}})
}

// RemoteDisconnect disconnects a socket; closing also closes its connection.
func (ns *Namespace) RemoteDisconnect(ctx context.Context, id string, closing bool) (Answer, error) {
	return ns.answer(ctx, "remoteDisconnect", spec{Socket: id, Close: closing})
}

// CustomRequest sends data to the hooks of all nodes.
func (ns *Namespace) CustomRequest(ctx context.Context, data any) (Answer, error) {
	return ns.answer(ctx, "customRequest", spec{Data: &Value{V: data}})
}

// CustomHook sets the hook for custom requests and says how it answers: Echo answers with the data. NextServerSide
// returns the requests that reached the hook.
func (ns *Namespace) CustomHook(ctx context.Context, answer *Ack) error {
	return ns.call(ctx, "customHook", spec{Ack: answer}, nil)
}

// LegacyMessage is a message of a legacy cluster, as socket.io-adapter-postgres reads it.
type LegacyMessage struct {
	Channel   string
	PayloadID string // what the pieces of a large message share
	// Decoded is the content of a request or answer, or an object with uid, packet and opts of a broadcast. Values that
	// JSON does not have are in the format of ../nodejs/lines.js.
	Decoded json.RawMessage
}

// DecodeLegacy reads a message from the payloads of its notifications. Only Legacy peers have it.
func (p *Peer) DecodeLegacy(ctx context.Context, raw ...string) (LegacyMessage, error) {
	var out struct{ Channel, PayloadID, Decoded string }
	err := p.call(ctx, "decode", map[string][]string{"raw": raw}, &out)
	return LegacyMessage{out.Channel, out.PayloadID, json.RawMessage(out.Decoded)}, err
}
