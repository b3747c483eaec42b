package clients_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/nodejs"
	"github.com/backplane-go/backplane/socketio"
)

// run executes an op, like the function with this name in node/app.js.
func (s *goServer) run(ctx context.Context, o op) (result, error) {
	if o.NSP == "" {
		o.NSP = "/"
	}
	ns := s.io.Of(o.NSP)
	switch {
	case o.Call == "proceed":
		s.held.proceed()
		return result{}, nil
	case o.Remote != "":
		return runRemote(ctx, ns, o)
	case o.Socket == "":
		return runNamespace(ctx, ns, o)
	}
	socket := ns.Socket(o.Socket)
	if socket == nil {
		return result{}, fmt.Errorf("no socket %s", o.Socket)
	}
	return runSocket(ctx, socket, o)
}

func runNamespace(ctx context.Context, ns *socketio.Namespace, o op) (result, error) {
	switch o.Call {
	case "serverCount":
		err := ns.WaitForPeers(ctx, o.Count-1)
		if err == nil && ns.ServerCount() != o.Count {
			err = fmt.Errorf("%d servers", ns.ServerCount())
		}
		return result{}, err
	case "clientsCount":
		return valuesOf([]any{ns.Server().ClientsCount()}), nil
	case "serverSideEmit":
		return result{}, ns.ServerSideEmit(ctx, o.Event, o.args()...)
	case "serverSideEmitWithAck":
		values, err := ns.ServerSideEmitWithAck(ctx, o.Event, o.args()...)
		return answered(plain(values), err)
	}
	t := ns.Target
	if o.Local {
		t = t.Local()
	}
	if o.Volatile {
		t = t.Volatile()
	}
	if o.Compress != nil {
		t = t.Compress(*o.Compress)
	}
	if o.TimeoutMS > 0 {
		t = t.Timeout(time.Duration(o.TimeoutMS) * time.Millisecond)
	}
	return runTarget(ctx, narrow(t, o), o)
}

// narrow applies the rooms of an op.
func narrow(t backplane.Target, o op) backplane.Target {
	for _, rooms := range o.To {
		t = t.To(rooms...)
	}
	if o.Except != nil {
		t = t.Except(o.Except...)
	}
	return t
}

func runTarget(ctx context.Context, t backplane.Target, o op) (result, error) {
	switch o.Call {
	case "emit":
		return result{}, t.Emit(ctx, o.Event, o.args()...)
	case "send":
		return result{}, t.Emit(ctx, "message", o.args()...)
	case "emitWithAck":
		values, err := t.EmitWithAck(ctx, o.Event, o.args()...)
		return answered(plain(values), err)
	case "fetchSockets":
		found, err := t.FetchSockets(ctx)
		var r result
		for _, f := range found {
			h, e := f.Handshake()
			err = errors.Join(err, e)
			r.Sockets = append(r.Sockets, remoteSocket{ID: f.ID(), Rooms: f.Rooms(),
				Data: nodejs.Value{V: plain([]backplane.Value{f.Data()})[0]}, Auth: nodejs.Value{V: h.Auth}})
		}
		return r, err
	case "socketsJoin":
		return result{}, t.SocketsJoin(ctx, o.Rooms...)
	case "socketsLeave":
		return result{}, t.SocketsLeave(ctx, o.Rooms...)
	case "disconnectSockets":
		return result{}, t.DisconnectSockets(ctx, o.Close)
	}
	return result{}, fmt.Errorf("unknown call %s", o.Call)
}

func runSocket(ctx context.Context, s *socketio.Socket, o op) (result, error) {
	switch o.Call {
	case "join":
		s.Join(o.Rooms...)
		return result{}, nil
	case "leave":
		s.Leave(o.Rooms...)
		return result{}, nil
	case "rooms":
		return valuesOf(toAny(s.Rooms())), nil
	case "disconnect":
		s.Disconnect(o.Close)
		return result{}, nil
	case "transport":
		return valuesOf([]any{s.Transport()}), nil
	}
	sender := s.Compress(o.Compress == nil || *o.Compress)
	if o.Volatile {
		sender = sender.Volatile()
	}
	if o.Local {
		sender = sender.Local()
	}
	if o.TimeoutMS > 0 {
		sender = sender.Timeout(time.Duration(o.TimeoutMS) * time.Millisecond)
	}
	switch {
	case o.Broadcast || o.Local || o.To != nil || o.Except != nil:
		return runTarget(ctx, narrow(sender.Broadcast(), o), o)
	case o.Call == "emit":
		return result{}, sender.Emit(o.Event, o.args()...)
	case o.Call == "send":
		return result{}, sender.Send(o.args()...)
	case o.Call == "emitWithAck":
		value, err := sender.EmitWithAck(ctx, o.Event, o.args()...)
		return answered(plain(value.All()), err)
	}
	return result{}, fmt.Errorf("unknown call %s", o.Call)
}

func runRemote(ctx context.Context, ns *socketio.Namespace, o op) (result, error) {
	found, err := ns.In(o.Remote).FetchSockets(ctx)
	if err != nil {
		return result{}, err
	}
	i := slices.IndexFunc(found, func(r *backplane.RemoteSocket) bool { return r.ID() == o.Remote })
	if i < 0 {
		return result{}, fmt.Errorf("no socket %s in the cluster", o.Remote)
	}
	switch remote := found[i]; o.Call {
	case "join":
		return result{}, remote.Join(ctx, o.Rooms...)
	case "leave":
		return result{}, remote.Leave(ctx, o.Rooms...)
	case "disconnect":
		return result{}, remote.Disconnect(ctx, o.Close)
	case "emit":
		return result{}, remote.Emit(ctx, o.Event, o.args()...)
	case "emitWithAck":
		value, err := remote.EmitWithAck(ctx, o.Event, o.args()...)
		r, err := answered(plain([]backplane.Value{value}), err)
		r.Values.V = r.values()[0]
		return r, err
	}
	return result{}, fmt.Errorf("unknown call %s", o.Call)
}

func valuesOf(values []any) result { return result{answer: answer{Values: nodejs.Value{V: values}}} }

// answered returns what Socket.IO passes to the callback of an emit with acknowledgement.
func answered(values []any, err error) (result, error) {
	r := valuesOf(values)
	if errors.Is(err, backplane.ErrTimeout) {
		r.Error = "operation has timed out"
		return r, nil
	}
	return r, err
}
