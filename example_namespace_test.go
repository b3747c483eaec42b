package backplane_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport/memory"
)

func ExampleNamespace_Peers() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()

	fmt.Println(a.Name(), len(a.Peers()), a.Peers()[0] == b.UID(), a.ServerCount())
	// Output: /chat 1 true 2
}

// A server that has just started knows its peers once they have answered.
func ExampleNamespace_WaitForPeers() {
	ctx := context.Background()
	a, _, stop := startTwoNodes(ctx)
	defer stop()

	check(a.WaitForPeers(ctx, 1))
	fmt.Println(a.ServerCount(), "servers")
	// Output: 2 servers
}

func ExampleNamespace_WaitReady() {
	ctx := context.Background()
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: memory.NewHub()})
	check(err)
	defer cluster.Close(ctx)

	chat, err := cluster.NamespaceAsync("/chat", backplane.NewRegistry(backplane.RegistryConfig{}))
	check(err)
	fmt.Println(chat.WaitReady(ctx)) // from here on it receives what others send
	// Output: <nil>
}

// Channel is the name to look for in the logs of the bus.
func ExampleNamespace_Channel() {
	ctx := context.Background()
	a, _, stop := startTwoNodes(ctx)
	defer stop()

	fmt.Println(a.Channel())
	// Output: socket.io#/chat
}

// Close leaves one namespace. The others of the cluster stay open.
func ExampleNamespace_Close() {
	ctx := context.Background()
	a, _, stop := startTwoNodes(ctx)
	defer stop()

	check(a.Close(ctx))
	fmt.Println(errors.Is(a.Emit(ctx, "hello"), backplane.ErrClosed))
	// Output: true
}

func ExampleNamespace_Clients() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	a.connect("ann", "red")
	b.connect("bob", "red", "blue")

	clients, err := a.Clients(ctx, "red")
	check(err)
	rooms, err := a.ClientRooms(ctx, "bob")
	check(err)
	all, err := a.AllRooms(ctx)
	check(err)
	fmt.Println(clients, rooms, all)
	// Output: [ann bob] [bob red blue] [ann blue bob red]
}

// RemoteJoin waits until the socket has joined, wherever it is.
func ExampleNamespace_RemoteJoin() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	b.connect("bob")

	check(a.RemoteJoin(ctx, "bob", "red"))
	fmt.Println(b.SocketRooms("bob"))
	check(a.RemoteLeave(ctx, "bob", "red"))
	fmt.Println(b.SocketRooms("bob"))
	fmt.Println(errors.Is(a.RemoteJoin(ctx, "eve", "red"), backplane.ErrSocketNotFound))
	// Output:
	// [bob red]
	// [bob]
	// true
}

func ExampleNamespace_RemoteDisconnect() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	b.connect("bob")

	check(a.RemoteDisconnect(ctx, "bob", true))
	clients, err := a.Clients(ctx)
	fmt.Println(len(clients), err)
	// Output: 0 <nil>
}

// CustomRequest asks all servers, this one included, whose answer comes first.
func ExampleNamespace_CustomRequest() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	for i, n := range []node{a, b} {
		n.OnCustomRequest(func(data backplane.Value, answer func(any)) { answer(fmt.Sprint(data, " of server ", i)) })
	}

	answers, err := a.CustomRequest(ctx, "load")
	check(err)
	fmt.Println(answers)
	// Output: ["\"load\" of server 0" "\"load\" of server 1"]
}
