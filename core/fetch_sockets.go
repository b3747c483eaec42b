package core

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/guard"
)

// RemoteSocket describes a socket of any node of the namespace, as it was when it was fetched.
type RemoteSocket struct {
	target Target
	socket codec.Socket
	node   string
}

// FetchSockets returns the sockets of the target on all nodes. If not all nodes answer in time, it returns the
// sockets found so far, among them this process's own, and a *PartialError.
func (t Target) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	ns := t.ns
	var peers []string
	if !t.local && !t.nobody {
		err := ns.cluster.wire.Check(codec.FetchSockets, "fetch sockets",
			codec.ListSockets, "use Clients, ClientRooms or AllRooms")
		if err == nil {
			peers, err = ns.presence.respondents(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	q, err := ns.requests.begin(codec.FetchSockets, peers)
	if err != nil {
		return nil, err
	}
	var all []*RemoteSocket
	add := func(s codec.Socket, node string) {
		all = append(all, &RemoteSocket{target: Target{ns: ns, rooms: []string{s.ID}}, socket: s, node: node})
	}
	defer ns.requests.end(q) // also when LocalSockets ends the goroutine
	env := &codec.Envelope{Type: codec.FetchSockets, Opts: t.opts()}
	guard.Do(func() {
		for _, s := range ns.describeSockets(env) {
			add(s, ns.uid)
		}
	}, func(err error) { ns.ownAnswerFailed(q, "LocalSockets.Sockets", err) })
	err = t.ask(ctx, q, env)
	for _, s := range q.sockets {
		add(s.socket, s.uid)
	}
	return all, err
}

// ID returns the socket's id.
func (s *RemoteSocket) ID() string { return s.socket.ID }

// Node returns the uid of the node that the socket is connected to.
func (s *RemoteSocket) Node() string { return s.node }

// Rooms returns the rooms that the socket was in, its own id among them.
func (s *RemoteSocket) Rooms() []string { return s.socket.Rooms }

// Data returns the data that the application has attached to the socket.
func (s *RemoteSocket) Data() codec.Value { return s.socket.Data }

// Handshake returns how the socket connected. Fields that its node sent with another type are left out. If the
// handshake is no object, the error wraps codec.ErrMalformed.
func (s *RemoteSocket) Handshake() (Handshake, error) {
	var h Handshake
	tree, err := s.socket.Handshake.Tree()
	all, ok := tree.(codec.Object)
	if err == nil && !ok && tree != nil {
		err = fmt.Errorf("%w: not an object", codec.ErrMalformed)
	}
	if err != nil {
		return Handshake{}, fmt.Errorf("backplane: handshake of socket %q: %w", excerpt.Of(s.socket.ID), err)
	}
	for key, into := range map[string]any{
		"headers": &h.Headers, "time": &h.Time, "address": &h.Address, "xdomain": &h.XDomain,
		"secure": &h.Secure, "issued": &h.Issued, "url": &h.URL, "query": &h.Query, "auth": &h.Auth,
	} {
		if v, ok := all.Lookup(key); ok {
			_ = codec.FromTree(v).Decode(into) // a field of another type is left out
		}
	}
	return h, nil
}

// Emit sends an event to the socket, wherever it is. See Target.Emit.
func (s *RemoteSocket) Emit(ctx context.Context, name string, args ...any) error {
	return s.target.Emit(ctx, name, args...)
}

// EmitWithAck sends an event to the socket and returns its acknowledgement. It returns ErrSocketNotFound if the
// socket has left meanwhile. See Target.EmitWithAck.
func (s *RemoteSocket) EmitWithAck(ctx context.Context, name string, args ...any) (codec.Value, error) {
	values, err := s.target.EmitWithAck(ctx, name, args...)
	switch {
	case len(values) > 0:
		return values[0], nil
	case err != nil:
		return codec.Value{}, err
	}
	return codec.Value{}, ErrSocketNotFound
}

// Timeout returns the same socket with a bound for how long EmitWithAck waits. See Target.Timeout.
func (s *RemoteSocket) Timeout(d time.Duration) *RemoteSocket {
	timed := *s
	timed.target = s.target.Timeout(d)
	return &timed
}

// Join makes the socket join rooms.
func (s *RemoteSocket) Join(ctx context.Context, rooms ...string) error {
	return s.target.SocketsJoin(ctx, rooms...)
}

// Leave makes the socket leave rooms.
func (s *RemoteSocket) Leave(ctx context.Context, rooms ...string) error {
	return s.target.SocketsLeave(ctx, rooms...)
}

// Disconnect disconnects the socket from the namespace. close: it closes the connection too.
func (s *RemoteSocket) Disconnect(ctx context.Context, close bool) error {
	return s.target.DisconnectSockets(ctx, close)
}

// Handshake describes how a socket connected, as in Socket.IO.
type Handshake struct {
	Headers map[string]any `json:"headers"`
	Time    string         `json:"time"`    // the date as text
	Address string         `json:"address"` // of the client
	XDomain bool           `json:"xdomain"`
	Secure  bool           `json:"secure"`
	Issued  int64          `json:"issued"` // milliseconds since 1970
	URL     string         `json:"url"`
	Query   map[string]any `json:"query"`
	Auth    any            `json:"auth"`
}

// IssuedAt returns Issued as a time.
func (h Handshake) IssuedAt() time.Time { return time.UnixMilli(h.Issued) }

// value encodes h. Maps are never null, because users of Socket.IO look into them without a check.
func (h Handshake) value() codec.Value {
	if h.Headers == nil {
		h.Headers = map[string]any{}
	}
	if h.Query == nil {
		h.Query = map[string]any{}
	}
	if h.Auth == nil {
		h.Auth = map[string]any{}
	}
	v, err := codec.NewValue(h)
	if err != nil { // Headers, Query or Auth have values that JSON cannot express
		h.Headers, h.Query, h.Auth = map[string]any{}, map[string]any{}, map[string]any{}
		v, _ = codec.NewValue(h)
	}
	return v
}
