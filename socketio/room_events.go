package socketio

import "github.com/backplane-go/backplane"

// roomEvents holds the functions for the room events of Socket.IO's adapter.
type roomEvents struct {
	create, remove funcList[func(room string)]
	join, leave    funcList[func(room, id string)]
}

// OnCreateRoom calls f when the first client of this node is about to join a room (the create-room event of
// Socket.IO's adapter). The functions of OnCreateRoom, OnJoinRoom, OnLeaveRoom and OnDeleteRoom are called one at a
// time, in the order of the events. They must not block. off removes f.
func (ns *Namespace) OnCreateRoom(f func(room string)) (off func()) {
	return onRoom(ns, &ns.rooms.create, f, func(c *backplane.RegistryConfig) {
		c.CreateRoom = each(ns, "create-room",
			ns.rooms.create)
	})
}

// OnJoinRoom calls f when a client of this node has joined a room (the join-room event). off removes f.
func (ns *Namespace) OnJoinRoom(f func(room, id string)) (off func()) {
	return onRoom(ns, &ns.rooms.join, f, func(c *backplane.RegistryConfig) {
		c.JoinRoom = eachOf(ns, "join-room",
			ns.rooms.join)
	})
}

// OnLeaveRoom calls f when a client of this node has left a room (the leave-room event). off removes f.
func (ns *Namespace) OnLeaveRoom(f func(room, id string)) (off func()) {
	return onRoom(ns, &ns.rooms.leave, f, func(c *backplane.RegistryConfig) {
		c.LeaveRoom = eachOf(ns, "leave-room",
			ns.rooms.leave)
	})
}

// OnDeleteRoom calls f when the last client of this node has left a room (the delete-room event). off removes f.
func (ns *Namespace) OnDeleteRoom(f func(room string)) (off func()) {
	return onRoom(ns, &ns.rooms.remove, f, func(c *backplane.RegistryConfig) {
		c.DeleteRoom = each(ns, "delete-room",
			ns.rooms.remove)
	})
}

// onRoom adds f to one of the lists of roomEvents, and configures the registry to call the functions of that
// list.
func onRoom[F any](ns *Namespace, to *funcList[F], f F, configure func(*backplane.RegistryConfig)) (off func()) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	added := to.add(f, false)
	ns.registry.Configure(configure)
	return func() {
		ns.mu.Lock()
		defer ns.mu.Unlock()
		to.drop(added)
		ns.registry.Configure(configure)
	}
}

func each(ns *Namespace, event string, all funcList[func(string)]) func(string) {
	if len(all) == 0 {
		return nil
	}
	return func(room string) {
		isolateAll(ns.env, ns.name, "", event, all, func(f *func(string)) { (*f)(room) })
	}
}

func eachOf(ns *Namespace, event string, all funcList[func(string, string)]) func(string, string) {
	if len(all) == 0 {
		return nil
	}
	return func(room, id string) {
		isolateAll(ns.env, ns.name, id, event, all, func(f *func(string, string)) { (*f)(room, id) })
	}
}
