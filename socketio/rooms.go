package socketio

import (
	"slices"

	"github.com/backplane-go/backplane"
)

// roomEvents are the events of Socket.IO's adapter.
type roomEvents struct {
	create, remove []func(room string)
	join, leave    []func(room, id string)
}

// OnCreateRoom calls f when the first client of this node is about to join a room (Socket.IO's adapter: create-room). The
// funcs of rooms' events are called one at a time, in the order in which things happened, and must not block.
func (ns *Namespace) OnCreateRoom(f func(room string)) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	all := append(slices.Clip(ns.rooms.create), f)
	ns.rooms.create = all
	ns.registry.Configure(func(c *backplane.RegistryConfig) { c.CreateRoom = each(ns, "create-room", all) })
}

// OnJoinRoom calls f when a client of this node has joined a room (join-room).
func (ns *Namespace) OnJoinRoom(f func(room, id string)) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	all := append(slices.Clip(ns.rooms.join), f)
	ns.rooms.join = all
	ns.registry.Configure(func(c *backplane.RegistryConfig) { c.JoinRoom = eachOf(ns, "join-room", all) })
}

// OnLeaveRoom calls f when a client of this node has left a room (leave-room).
func (ns *Namespace) OnLeaveRoom(f func(room, id string)) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	all := append(slices.Clip(ns.rooms.leave), f)
	ns.rooms.leave = all
	ns.registry.Configure(func(c *backplane.RegistryConfig) { c.LeaveRoom = eachOf(ns, "leave-room", all) })
}

// OnDeleteRoom calls f when the last client of this node has left a room (delete-room).
func (ns *Namespace) OnDeleteRoom(f func(room string)) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	all := append(slices.Clip(ns.rooms.remove), f)
	ns.rooms.remove = all
	ns.registry.Configure(func(c *backplane.RegistryConfig) { c.DeleteRoom = each(ns, "delete-room", all) })
}

func each(ns *Namespace, event string, all []func(string)) func(string) {
	return func(room string) {
		for _, f := range all {
			ns.server.guard(ns.name, "", event, func() { f(room) })
		}
	}
}

func eachOf(ns *Namespace, event string, all []func(string, string)) func(string, string) {
	return func(room, id string) {
		for _, f := range all {
			ns.server.guard(ns.name, id, event, func() { f(room, id) })
		}
	}
}
