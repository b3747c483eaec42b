package core

import (
	"context"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
)

// This file has the requests of the old adapters of Socket.IO (clients, allRooms, remoteJoin, customRequest …), for
// users who know them. In the standard dialect they use the messages of the current adapters, so Node.js nodes answer
// them too; socket_requests.go is for dialects that have messages for them. Deadlines and partial results are those of
// FetchSockets and of ServerSideEmitWithAck.

// CustomRequestEvent is the name of the server-side event of CustomRequest. A Node.js node answers it with
// io.of(nsp).on("customRequest", (data, answer) => answer(…)).
const CustomRequestEvent = "customRequest"

// Clients returns the ids of the sockets that are in at least one of rooms, on all nodes, in alphabetical order.
// Without rooms it returns the ids of all sockets. If not all nodes answer, it returns the ids found so far and a
// *PartialError.
func (ns *Namespace) Clients(ctx context.Context, rooms ...string) ([]string, error) {
	if ns.cluster.wire.Carries(codec.ListSockets) {
		env := &codec.Envelope{Type: codec.ListSockets, Opts: codec.Opts{Rooms: rooms}}
		return ns.list(ctx, env, "")
	}
	to := ns.Target
	if len(rooms) > 0 { // To without rooms would target nobody
		to = to.To(rooms...)
	}
	sockets, err := to.FetchSockets(ctx)
	return collect(sockets, func(s *RemoteSocket) []string { return []string{s.ID()} }), err
}

// AllRooms returns the names of all rooms of all nodes in alphabetical order, among them the rooms named after single
// sockets. It fetches every socket of the cluster. If not all nodes answer, it returns the rooms found so far and a
// *PartialError.
func (ns *Namespace) AllRooms(ctx context.Context) ([]string, error) {
	if ns.cluster.wire.Carries(codec.ListRooms) {
		return ns.list(ctx, &codec.Envelope{Type: codec.ListRooms}, "")
	}
	sockets, err := ns.FetchSockets(ctx)
	return collect(sockets, (*RemoteSocket).Rooms), err
}

// ClientRooms returns the rooms of a socket of any node, or ErrSocketNotFound. If not all nodes answer and none of
// those that did has the socket, it returns a *PartialError.
func (ns *Namespace) ClientRooms(ctx context.Context, id string) ([]string, error) {
	if ns.cluster.wire.Carries(codec.SocketRooms) {
		return ns.socketRooms(ctx, id)
	}
	s, err := ns.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.Rooms(), nil
}

// RemoteJoin makes a socket join a room and returns once it has joined, or ErrSocketNotFound. See ClientRooms for
// partial answers.
func (ns *Namespace) RemoteJoin(ctx context.Context, id, room string) error {
	if ns.cluster.wire.Carries(codec.SocketChanged) {
		return ns.changeSocket(ctx, id, &codec.Envelope{Type: codec.SocketsJoin, Rooms: []string{room}})
	}
	return ns.move(ctx, id, func(ctx context.Context) error { return ns.To(id).SocketsJoin(ctx, room) })
}

// RemoteLeave makes a socket leave a room. See RemoteJoin.
func (ns *Namespace) RemoteLeave(ctx context.Context, id, room string) error {
	if ns.cluster.wire.Carries(codec.SocketChanged) {
		return ns.changeSocket(ctx, id, &codec.Envelope{Type: codec.SocketsLeave, Rooms: []string{room}})
	}
	return ns.move(ctx, id, func(ctx context.Context) error { return ns.To(id).SocketsLeave(ctx, room) })
}

// move publishes a change and waits until the socket's node has made it: the node handles our messages in order, so
// it has when it answers the request that follows.
func (ns *Namespace) move(ctx context.Context, id string, publish func(context.Context) error) error {
	ctx, cancel := ns.bound(ctx)
	defer cancel()
	if err := publish(ctx); err != nil {
		return timedOut(ctx, err)
	}
	_, err := ns.find(ctx, id)
	return err
}

// bound returns a context with one timeout, Config.RequestTimeout, for all steps of a request.
func (ns *Namespace) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, ns.timeout(), ErrTimeout)
}

// timedOut wraps ErrTimeout if the request's own timeout ended ctx.
func timedOut(ctx context.Context, err error) error {
	if err != nil && context.Cause(ctx) == ErrTimeout {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}

// RemoteDisconnect disconnects a socket from the namespace. close: it closes the connection too. It returns
// ErrSocketNotFound if no node has the socket. See ClientRooms for partial answers.
func (ns *Namespace) RemoteDisconnect(ctx context.Context, id string, close bool) error {
	if ns.cluster.wire.Carries(codec.SocketChanged) {
		return ns.changeSocket(ctx, id, &codec.Envelope{Type: codec.DisconnectSockets, Close: close})
	}
	ctx, cancel := ns.bound(ctx)
	defer cancel()
	s, err := ns.find(ctx, id)
	if err != nil {
		return err
	}
	return timedOut(ctx, s.Disconnect(ctx, close))
}

// find fetches one socket. A node that did not answer matters only if no other node has the socket.
func (ns *Namespace) find(ctx context.Context, id string) (*RemoteSocket, error) {
	sockets, err := ns.To(id).FetchSockets(ctx)
	for _, s := range sockets {
		if s.ID() == id { // other sockets may have joined a room of that name
			return s, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, ErrSocketNotFound
}

// collect returns the strings that f returns for the sockets, each once, in alphabetical order.
func collect(sockets []*RemoteSocket, f func(*RemoteSocket) []string) []string {
	var all []string
	for _, s := range sockets {
		all = append(all, f(s)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// CustomRequest sends data to every node, this one included, and returns the answers of their OnCustomRequest
// functions, this node's answer first. A peer without such a function does not answer: it is Missing in the
// *PartialError that is returned with the answers of the others. If this node has none, it is not waited for. In
// legacy.Dialect, peers without such a function answer null, as Node.js does there.
func (ns *Namespace) CustomRequest(ctx context.Context, data any) ([]codec.Value, error) {
	v, err := codec.NewValue(data)
	if err != nil {
		return nil, err
	}
	q, err := ns.askSelf(v)
	if err != nil {
		return nil, err
	}
	defer ns.requests.end(q)
	ctx, cancel := ns.bound(ctx)
	defer cancel()
	answers, err := ns.askServers(ctx, v)
	own := q.wait(ctx)
	if err == nil {
		err = own
	}
	return append(q.values, answers...), err
}

// askServers asks the OnCustomRequest functions of the other nodes.
func (ns *Namespace) askServers(ctx context.Context, data codec.Value) ([]codec.Value, error) {
	if !ns.cluster.wire.Carries(codec.CustomRequest) {
		return ns.ServerSideEmitWithAck(ctx, CustomRequestEvent, data)
	}
	q, err := ns.askOthers(ctx, &codec.Envelope{Type: codec.CustomRequest, Value: data}, nil)
	if q == nil {
		return nil, err
	}
	return q.values, err
}

// askSelf calls this node's own OnCustomRequest function, if there is one.
func (ns *Namespace) askSelf(data codec.Value) (*request, error) {
	hook := ns.custom.Load()
	var self []string
	if hook != nil {
		self = []string{ns.uid}
	}
	q, err := ns.requests.begin(codec.ServerSideEmit, self)
	if err == nil {
		q.tallied = true // the request to the other nodes counts
	}
	if err == nil && hook != nil {
		guard.Do(func() {
			(*hook)(data, once(func(answer any) { q.value(ns.uid, ns.answerOf(answer)) }))
		}, func(err error) {
			ns.ownAnswerFailed(q, "OnCustomRequest", err)
			if err == ErrExited {
				ns.requests.end(q)
			}
		})
	}
	return q, err
}

// OnCustomRequest sets the function that answers CustomRequest on this node; nil removes it. f is called like
// LocalSockets.ServerSideEmit and must not block. It may call answer later and from any goroutine. Only the first
// call counts.
func (ns *Namespace) OnCustomRequest(f func(data codec.Value, answer func(any))) {
	if f == nil {
		ns.custom.Store(nil)
		return
	}
	ns.custom.Store(&f)
}

// serverSideEmit passes an event of a peer to OnCustomRequest or to LocalSockets.
func (ns *Namespace) serverSideEmit(args codec.Args, reply func(codec.Value)) {
	hook := ns.custom.Load()
	if hook == nil || args.Event() != CustomRequestEvent || reply == nil {
		ns.local.ServerSideEmit(args, reply)
		return
	}
	var data codec.Value
	if values, err := args.Values(); err == nil && len(values) > 0 {
		data = values[0]
	}
	(*hook)(data, func(answer any) { reply(ns.answerOf(answer)) })
}

// answerOf encodes an answer. If it cannot be encoded, answerOf reports the error and returns null.
func (ns *Namespace) answerOf(answer any) codec.Value {
	v, err := codec.NewValue(answer)
	if err != nil {
		ns.cluster.report(&OpError{Op: "answer a custom request", Channel: ns.channel, Err: err})
	}
	return v
}
