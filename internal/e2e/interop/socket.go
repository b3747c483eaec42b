package interop

import "context"

// Socket is a socket as returned by fetchSockets.
type Socket struct {
	ID        string
	Handshake map[string]any
	Rooms     []string
	Data      any
}

// FetchSockets returns the selected sockets of all servers.
func (ns *Namespace) FetchSockets(ctx context.Context, to Target) ([]Socket, error) {
	var out []struct {
		ID        string
		Handshake Value
		Rooms     []string
		Data      Value
	}
	if err := ns.call(ctx, "fetchSockets", spec{Target: to}, &out); err != nil {
		return nil, err
	}
	sockets := make([]Socket, len(out))
	for i, s := range out {
		handshake, _ := s.Handshake.V.(map[string]any)
		sockets[i] = Socket{ID: s.ID, Handshake: handshake, Rooms: s.Rooms, Data: s.Data.V}
	}
	return sockets, nil
}

// Remote is a socket of any server. Each call looks it up with fetchSockets.
type Remote struct {
	ns *Namespace
	id string
}

// Remote returns the socket with this id.
func (ns *Namespace) Remote(id string) *Remote { return &Remote{ns, id} }

func (r *Remote) op(op string, s spec) spec {
	s.Op, s.Socket = op, r.id
	return s
}

// Emit sends the socket an event.
func (r *Remote) Emit(ctx context.Context, event string, args ...any) error {
	return r.ns.call(ctx, "remote", r.op("emit", spec{Event: event, Args: list(args)}), nil)
}

// EmitWithAck sends the socket an event and waits for its acknowledgement, Answer.One.
func (r *Remote) EmitWithAck(ctx context.Context, event string, args ...any) (Answer, error) {
	return r.ns.answer(ctx, "remote", r.op("emitWithAck", spec{Event: event, Args: list(args)}))
}

// Join makes the socket join rooms.
func (r *Remote) Join(ctx context.Context, rooms ...string) error {
	return r.ns.call(ctx, "remote", r.op("join", spec{Rooms: rooms}), nil)
}

// Leave makes the socket leave rooms.
func (r *Remote) Leave(ctx context.Context, rooms ...string) error {
	return r.ns.call(ctx, "remote", r.op("leave", spec{Rooms: rooms}), nil)
}

// Disconnect disconnects the socket.
func (r *Remote) Disconnect(ctx context.Context, closing bool) error {
	return r.ns.call(ctx, "remote", r.op("disconnect", spec{Close: closing}), nil)
}
