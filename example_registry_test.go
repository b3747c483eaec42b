package backplane_test

import (
	"fmt"
	"sync"

	"github.com/backplane-go/backplane"
)

// A registry without a cluster: sockets and their rooms.
func ExampleRegistry_Add() {
	server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
	ann := &client{id: "ann", hub: server}
	server.Add(ann, "red")

	fmt.Println(server.Len(), server.SocketRooms("ann"), server.Rooms())
	fmt.Println(server.Remove(ann), server.Len())
	// Output:
	// 1 [ann red] [ann red]
	// true 0
}

func ExampleRegistry_Enter() {
	server := hub{backplane.NewRegistry(backplane.RegistryConfig{
		JoinRoom: func(room, id string) { fmt.Println(id, "joins", room) },
	})}
	var mu sync.Mutex
	mu.Lock()
	events := server.Enter(&client{id: "ann", hub: server}, "red")
	fmt.Println(server.Len())
	mu.Unlock()
	events() // without the lock, because JoinRoom may need it
	// Output:
	// 1
	// ann joins ann
	// ann joins red
}

func ExampleRegistry_JoinID() {
	server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
	server.connect("ann")

	fmt.Println(server.JoinID("ann", "red", "blue"), server.JoinID("nobody", "red"))
	fmt.Println(server.JoinIDWithin("ann", 2, -1, "green"), "more than two rooms")
	fmt.Println(server.LeaveID("ann", "red"), server.SocketRooms("ann"))
	fmt.Println(server.RemoveID("ann"), server.Len())
	// Output:
	// true false
	// false more than two rooms
	// true [ann blue]
	// true 0
}

// roomLog prints which rooms have sockets.
type roomLog struct{}

func (roomLog) RoomCreated(room string) { fmt.Println("first socket in", room) }
func (roomLog) RoomDeleted(room string) { fmt.Println("no socket left in", room) }
func (roomLog) Await(...string)         {}

// The cluster calls WatchRooms if its dialect has channels for rooms.
func ExampleRegistry_WatchRooms() {
	server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
	server.connect("ann")
	stop := server.WatchRooms(roomLog{})
	server.JoinID("ann", "red")
	server.LeaveID("ann", "red")
	stop()
	server.JoinID("ann", "blue")
	// Output:
	// first socket in ann
	// first socket in red
	// no socket left in red
}

// Each is for servers that encode an event once for all their clients.
func ExampleRegistry_Each() {
	server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
	server.connect("ann", "red")
	server.connect("bob", "red")
	server.connect("eve")

	red := backplane.Selector{Rooms: []string{"red"}}
	server.Each(red, func(s backplane.Socket) { fmt.Println("send the frame to", s.ID()) })
	fmt.Println(server.IDs(backplane.Selector{Except: []string{"red"}}))
	// Output:
	// send the frame to ann
	// send the frame to bob
	// [eve]
}

func ExampleRegistry_Configure() {
	server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
	server.Configure(func(c *backplane.RegistryConfig) {
		c.JoinRoom = func(room, id string) { fmt.Println(id, "joins", room) }
	})
	server.connect("ann", "red")
	// Output:
	// ann joins ann
	// ann joins red
}
