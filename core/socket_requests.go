package core

import (
	"context"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
)

// This file has the requests of the old adapters for dialects that have messages for them: both sides of
// codec.ListSockets, ListRooms, SocketRooms, CustomRequest, and of changes to one socket.

// askOthers sends a request to the other nodes and collects their answers. prepare, unless nil, is called before it is
// sent, for this node's part. q is nil if the request could not begin.
func (ns *Namespace) askOthers(ctx context.Context, env *codec.Envelope, prepare func(*request)) (*request, error) {
	ctx, cancel := ns.bound(ctx)
	defer cancel()
	peers, err := ns.presence.respondents(ctx)
	if err != nil {
		return nil, err
	}
	q, err := ns.requests.begin(env.Type, peers)
	if err != nil {
		return nil, err
	}
	if prepare != nil {
		defer ns.requests.end(q) // also when LocalSockets ends the goroutine
		prepare(q)
	}
	return q, ns.ask(ctx, q, env)
}

// list returns the names that all nodes answer, this one included, each once, in alphabetical order. If wanted is not
// empty, it need not wait for more when a node has answered this name.
func (ns *Namespace) list(ctx context.Context, env *codec.Envelope, wanted string) ([]string, error) {
	var own []string
	q, err := ns.askOthers(ctx, env, func(q *request) {
		q.wanted = wanted
		guard.Do(func() { own = ns.ownNames(env) },
			func(err error) { ns.ownAnswerFailed(q, "LocalSockets.Sockets", err) })
	})
	if q == nil {
		return nil, err
	}
	all := append(own, q.names...)
	slices.Sort(all)
	return slices.Compact(all), err
}

// ownNames returns this node's answer to a ListSockets or a ListRooms.
func (ns *Namespace) ownNames(env *codec.Envelope) (names []string) {
	for _, s := range ns.describeSockets(env) {
		if env.Type == codec.ListRooms {
			names = append(names, s.Rooms...)
		} else {
			names = append(names, s.ID)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ownSocket returns a socket of this process.
func (ns *Namespace) ownSocket(id string) (socket codec.Socket, ok bool) {
	for _, s := range ns.local.Sockets(Selector{Rooms: []string{id}}) {
		if s.ID == id { // other sockets may have joined a room of that name
			return s, true
		}
	}
	return socket, false
}

// locate returns nil if another node has a socket, and ErrSocketNotFound if none has. A node that did not answer
// matters only if no other node has it.
func (ns *Namespace) locate(ctx context.Context, id string) error {
	ids, err := ns.list(ctx, &codec.Envelope{Type: codec.ListSockets, Opts: codec.Opts{Rooms: []string{id}}}, id)
	switch {
	case slices.Contains(ids, id):
		return nil
	case err != nil:
		return err
	}
	return ErrSocketNotFound
}

// askOwner sends a request to the node that has a socket, which is another one, and returns its answer.
func (ns *Namespace) askOwner(ctx context.Context, id string, env *codec.Envelope) ([]string, error) {
	ctx, cancel := ns.bound(ctx)
	defer cancel()
	if err := ns.locate(ctx, id); err != nil {
		return nil, timedOut(ctx, err)
	}
	env.Opts.Rooms = []string{id}
	q, err := ns.askOthers(ctx, env, func(q *request) { q.oneIsEnough = true })
	if q == nil {
		return nil, timedOut(ctx, err)
	}
	if q.answers() == 0 && err == nil {
		err = ErrSocketNotFound // the last node has left
	}
	return q.names, err
}

// socketRooms is ClientRooms.
func (ns *Namespace) socketRooms(ctx context.Context, id string) (rooms []string, err error) {
	var found bool
	guard.Do(func() {
		var s codec.Socket
		s, found = ns.ownSocket(id)
		rooms = s.Rooms
	}, func(e error) { err = &CallError{Namespace: ns.name, Call: "LocalSockets.Sockets", Err: e} })
	if found || err != nil {
		return rooms, err
	}
	return ns.askOwner(ctx, id, &codec.Envelope{Type: codec.SocketRooms})
}

// changeSocket makes a socket of any node join or leave rooms or disconnect, as env says.
func (ns *Namespace) changeSocket(ctx context.Context, id string, env *codec.Envelope) (err error) {
	var found bool
	guard.Do(func() {
		if _, found = ns.ownSocket(id); found {
			own := *env
			own.Opts.Rooms = []string{id}
			ns.apply(&own, Position{})
		}
	}, func(e error) { err = &CallError{Namespace: ns.name, Call: callOf(env), Err: e} })
	if found || err != nil {
		return err
	}
	_, err = ns.askOwner(ctx, id, env)
	return err
}

// serveSocketRequest answers a request of this file.
func (ns *Namespace) serveSocketRequest(env *codec.Envelope, b *budget) {
	switch env.Type {
	case codec.ListSockets:
		ids := ns.ownNames(env)
		ns.presence.charge(b, len(ids))
		ns.respond(env, &codec.Envelope{Type: codec.ListSocketsResponse, Rooms: ids})
	case codec.ListRooms:
		rooms := ns.ownNames(env)
		ns.presence.charge(b, len(rooms))
		ns.respond(env, &codec.Envelope{Type: codec.ListRoomsResponse, Rooms: rooms})
	case codec.CustomRequest:
		header := requestHeader(env)
		ns.customRequest(env.Value, once(func(answer codec.Value) {
			ns.respond(header, &codec.Envelope{Type: codec.CustomRequestResponse, Value: answer})
		}))
	case codec.SocketRooms, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets:
		if len(env.Opts.Rooms) != 1 {
			ns.dropped(env, DropMalformed, nil)
			return
		}
		s, found := ns.ownSocket(env.Opts.Rooms[0])
		switch {
		case !found:
		case env.Type == codec.SocketRooms:
			ns.respond(env, &codec.Envelope{Type: codec.SocketRoomsResponse, Rooms: s.Rooms})
		default:
			ns.apply(env, Position{})
			ns.respond(env, &codec.Envelope{Type: codec.SocketChanged})
		}
	}
}

// customRequest asks this node's OnCustomRequest function. If there is none, the answer is null.
func (ns *Namespace) customRequest(data codec.Value, reply func(codec.Value)) {
	hook := ns.custom.Load()
	if hook == nil {
		reply(codec.Value{})
		return
	}
	(*hook)(data, func(answer any) { reply(ns.answerOf(answer)) })
}
