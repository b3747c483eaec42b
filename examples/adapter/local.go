package adapter

import (
	"context"

	"github.com/backplane-go/backplane"
)

// local is the part of this server that the cluster calls when any server has made a call. It calls Memory,
// because Adapter would send the call to all servers again.
type local struct{ own *Memory }

var _ backplane.LocalSockets = local{}

// options converts a selector and flags of the cluster.
func options(to backplane.Selector, flags backplane.Flags) Options {
	return Options{
		Rooms: to.Rooms, Except: to.Except,
		Volatile: flags.Volatile, Compress: flags.Compress, Timeout: flags.Timeout,
	}
}

// Broadcast implements backplane.LocalSockets.
func (l local) Broadcast(p *backplane.Packet, to backplane.Selector) {
	if data, ok := plain(p.Args.Value()).([]any); ok {
		l.own.Broadcast(data, options(to, p.Flags))
	}
}

// BroadcastAck implements backplane.LocalSockets.
func (l local) BroadcastAck(ctx context.Context, p *backplane.Packet, to backplane.Selector,
	asked func(clients int), answer func(backplane.Value),
) {
	data, ok := plain(p.Args.Value()).([]any)
	if !ok {
		asked(0) // required: the requester waits for the number
		return
	}
	l.own.BroadcastWithAck(data, options(to, p.Flags), asked, func(v any) {
		if ctx.Err() == nil { // the requester does not wait for later answers
			answer(encoded(v))
		}
	})
}

// Sockets implements backplane.LocalSockets.
func (l local) Sockets(to backplane.Selector) (all []backplane.SocketInfo) {
	l.own.FetchSockets(options(to, backplane.Flags{}), func(sockets []Details, _ error) {
		for _, s := range sockets {
			all = append(all, backplane.SocketInfo{
				ID: s.ID, Rooms: s.Rooms, Handshake: encoded(s.Handshake), Data: encoded(s.Data),
			})
		}
	})
	return all
}

// Join implements backplane.LocalSockets.
func (l local) Join(to backplane.Selector, rooms []string) {
	l.own.AddSockets(options(to, backplane.Flags{}), rooms)
}

// Leave implements backplane.LocalSockets.
func (l local) Leave(to backplane.Selector, rooms []string) {
	l.own.DelSockets(options(to, backplane.Flags{}), rooms)
}

// Disconnect implements backplane.LocalSockets.
func (l local) Disconnect(to backplane.Selector, close bool) {
	l.own.DisconnectSockets(options(to, backplane.Flags{}), close)
}

// ServerSideEmit implements backplane.LocalSockets.
func (l local) ServerSideEmit(args backplane.Args, reply func(backplane.Value)) {
	data, ok := plain(args.Value()).([]any)
	if !ok || l.own.OnServerSideEmit == nil {
		return
	}
	var ack func(any)
	if reply != nil {
		ack = func(answer any) { reply(encoded(answer)) }
	}
	l.own.OnServerSideEmit(data, ack)
}

// plain decodes a value to strings, float64, []byte, slices and maps; nil if it is malformed.
func plain(v backplane.Value) (plain any) {
	if v.Decode(&plain) != nil {
		return nil
	}
	return plain
}

// encoded encodes a value, or returns null if it cannot be encoded.
func encoded(v any) backplane.Value {
	value, err := backplane.NewValue(v)
	if err != nil {
		return backplane.Value{}
	}
	return value
}
