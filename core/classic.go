package core

import (
	"context"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
)

// The requests that users of the old socket.io-adapter-postgres package know. They are carried by the messages of the
// current adapters, so Node.js nodes answer them too. Deadlines and partial results are those of FetchSockets and of
// ServerSideEmitWithAck.

// CustomRequestEvent is the server-side event that carries CustomRequest. A Node.js node answers it with
// io.of(nsp).on("customRequest", (data, answer) => answer(…)).
const CustomRequestEvent = "customRequest"

// Clients returns the ids of the sockets that are in at least one of rooms, or of all when there are none, on all nodes,
// in alphabetical order. Those found come with the *PartialError, if there is one.
func (ns *Namespace) Clients(ctx context.Context, rooms ...string) ([]string, error) {
	to := ns.Target
	if len(rooms) > 0 { // none means everybody, as it did in that package
		to = to.To(rooms...)
	}
	sockets, err := to.FetchSockets(ctx)
	return collect(sockets, func(s *RemoteSocket) []string { return []string{s.ID()} }), err
}

// AllRooms returns the names of all rooms of all nodes, those of single sockets among them, in alphabetical order. It asks
// for every socket of the cluster. Those found come with the *PartialError, if there is one.
func (ns *Namespace) AllRooms(ctx context.Context) ([]string, error) {
	sockets, err := ns.FetchSockets(ctx)
	return collect(sockets, (*RemoteSocket).Rooms), err
}

// ClientRooms returns the rooms of a socket, wherever it is, or ErrSocketNotFound. When not all nodes have answered and
// none of those that did has it, the error is the *PartialError.
func (ns *Namespace) ClientRooms(ctx context.Context, id string) ([]string, error) {
	s, err := ns.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.Rooms(), nil
}

// RemoteJoin makes a socket join a room and returns once it has, or ErrSocketNotFound. See ClientRooms for partial answers.
func (ns *Namespace) RemoteJoin(ctx context.Context, id, room string) error {
	return ns.move(ctx, id, func(ctx context.Context) error { return ns.To(id).SocketsJoin(ctx, room) })
}

// RemoteLeave makes a socket leave a room, as RemoteJoin makes it join.
func (ns *Namespace) RemoteLeave(ctx context.Context, id, room string) error {
	return ns.move(ctx, id, func(ctx context.Context) error { return ns.To(id).SocketsLeave(ctx, room) })
}

// move publishes, and waits until the socket's node has done what it was told: it handles our messages in order.
func (ns *Namespace) move(ctx context.Context, id string, publish func(context.Context) error) error {
	ctx, cancel := ns.bound(ctx)
	defer cancel()
	if err := publish(ctx); err != nil {
		return timedOut(ctx, err)
	}
	_, err := ns.find(ctx, id)
	return err
}

// bound bounds a request that takes several steps, all together, by Config.RequestTimeout.
func (ns *Namespace) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, ns.timeout(), ErrTimeout)
}

// timedOut adds ErrTimeout to err if it was the request's own timeout that ended ctx.
func timedOut(ctx context.Context, err error) error {
	if err != nil && context.Cause(ctx) == ErrTimeout {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}

// RemoteDisconnect disconnects a socket from the namespace, close: its underlying connection too. It returns
// ErrSocketNotFound when no node has the socket. See ClientRooms for partial answers.
func (ns *Namespace) RemoteDisconnect(ctx context.Context, id string, close bool) error {
	ctx, cancel := ns.bound(ctx)
	defer cancel()
	s, err := ns.find(ctx, id)
	if err != nil {
		return err
	}
	return timedOut(ctx, s.Disconnect(ctx, close))
}

// find fetches one socket. A node that did not answer matters only if nobody else has it.
func (ns *Namespace) find(ctx context.Context, id string) (*RemoteSocket, error) {
	sockets, err := ns.To(id).FetchSockets(ctx)
	for _, s := range sockets {
		if s.ID() == id { // others may have joined a room of that name
			return s, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, ErrSocketNotFound
}

// collect returns the strings that f finds in sockets, each once, in alphabetical order.
func collect(sockets []*RemoteSocket, f func(*RemoteSocket) []string) []string {
	var all []string
	for _, s := range sockets {
		all = append(all, f(s)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// CustomRequest sends data to every node, this one included, and returns what their OnCustomRequest answers, this node's
// answer first. A node that has none does not answer, and is Missing in the *PartialError that then comes with the
// others' answers; this node without one answers nothing and is not waited for.
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
	answers, err := ns.ServerSideEmitWithAck(ctx, CustomRequestEvent, v)
	own := q.wait(ctx)
	if err == nil {
		err = own
	}
	return append(q.values, answers...), err
}

// askSelf asks this node's own OnCustomRequest, if there is one.
func (ns *Namespace) askSelf(data codec.Value) (*request, error) {
	hook := ns.custom.Load()
	var self []string
	if hook != nil {
		self = []string{ns.uid}
	}
	q, err := ns.requests.begin(codec.ServerSideEmit, self)
	if err == nil && hook != nil {
		guard.Do(func() {
			(*hook)(data, once(func(answer any) { q.value(ns.uid, ns.answerOf(answer)) }))
		}, func(err error) {
			ns.failedAsked(q, "OnCustomRequest", err)
			if err == ErrExited {
				ns.requests.end(q)
			}
		})
	}
	return q, err
}

// OnCustomRequest sets what answers CustomRequest on this node; nil unsets it. f is called as Local.ServerSideEmit is and
// must not block; it may call answer, of which the first call counts, later and from any goroutine.
func (ns *Namespace) OnCustomRequest(f func(data codec.Value, answer func(any))) {
	if f == nil {
		ns.custom.Store(nil)
		return
	}
	ns.custom.Store(&f)
}

// serverSideEmit hands an event of a peer to whom it is for.
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

// answerOf encodes an answer. One that cannot be encoded is reported, and null in its place.
func (ns *Namespace) answerOf(answer any) codec.Value {
	v, err := codec.NewValue(answer)
	if err != nil {
		ns.cluster.report(&OpError{Op: "answer a custom request", Channel: ns.channel, Err: err})
	}
	return v
}
