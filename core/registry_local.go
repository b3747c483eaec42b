package core

import (
	"context"

	"github.com/backplane-go/backplane/codec"
)

// Broadcast implements LocalSockets.
func (r *Registry) Broadcast(p *Packet, to Selector) {
	r.Each(to, func(s Socket) { s.Send(p) })
}

// BroadcastAck implements LocalSockets.
func (r *Registry) BroadcastAck(
	ctx context.Context, p *Packet, to Selector, asked func(clients int), answer func(codec.Value),
) {
	var ask []AckSocket
	r.Each(to, func(s Socket) {
		if a, ok := s.(AckSocket); ok {
			ask = append(ask, a)
		} else {
			s.Send(p)
		}
	})
	asked(len(ask))
	for _, s := range ask {
		s.SendAck(ctx, p, once(answer))
	}
}

// Sockets implements LocalSockets.
func (r *Registry) Sockets(to Selector) []codec.Socket {
	var all []codec.Socket
	r.Each(to, func(s Socket) {
		info := codec.Socket{ID: s.ID(), Rooms: r.SocketRooms(s.ID())}
		var h Handshake
		if d, ok := s.(DescribedSocket); ok {
			h, info.Data = d.Describe()
		}
		info.Handshake = h.value()
		all = append(all, withObjects(info))
	})
	return all
}

// withObjects returns s with empty objects in place of missing data and a missing handshake. Applications on Node.js,
// and Socket.IO's Admin UI, look into both without a check.
func withObjects(s codec.Socket) codec.Socket {
	if s.Data.IsNull() {
		s.Data = emptyObject
	}
	if s.Handshake.IsNull() {
		s.Handshake = Handshake{}.value()
	}
	return s
}

var emptyObject = codec.FromTree(codec.Object{})

// Join implements LocalSockets.
func (r *Registry) Join(to Selector, rooms []string) {
	r.Each(to, func(s Socket) { r.JoinID(s.ID(), rooms...) })
}

// Leave implements LocalSockets.
func (r *Registry) Leave(to Selector, rooms []string) {
	r.Each(to, func(s Socket) { r.LeaveID(s.ID(), rooms...) })
}

// Disconnect implements LocalSockets.
func (r *Registry) Disconnect(to Selector, close bool) {
	r.Each(to, func(s Socket) { s.Disconnect(close) })
}

// ServerSideEmit implements LocalSockets.
func (r *Registry) ServerSideEmit(args codec.Args, reply func(codec.Value)) {
	r.mu.RLock()
	f := r.config.ServerSideEmit
	r.mu.RUnlock()
	if f != nil {
		f(args, reply)
	}
}
