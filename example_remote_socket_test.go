package backplane_test

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane"
)

// fetch returns the only socket in a room.
func fetch(ctx context.Context, ns *backplane.Namespace, room string) *backplane.RemoteSocket {
	sockets, err := ns.In(room).FetchSockets(ctx)
	check(err)
	return sockets[0]
}

// A socket of another node: who it is, and how it has connected.
func ExampleRemoteSocket() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	b.Add(&player{&client{id: "bob", hub: b.hub}, 7}, "game")

	bob := fetch(ctx, a.Namespace, "game")
	handshake, err := bob.Handshake()
	check(err)
	fmt.Println(bob.ID(), bob.Rooms(), bob.Data(), handshake.Address, bob.Node() == b.UID())
	// Output: bob [bob game] {"level":7} 203.0.113.7 true
}

func ExampleRemoteSocket_Emit() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	bob := b.connect("bob")

	check(fetch(ctx, a.Namespace, "bob").Emit(ctx, "hello", "bob"))
	fmt.Println(<-bob.outbox)
	// Output: ["hello","bob"]
}

func ExampleRemoteSocket_EmitWithAck() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	b.Add(&reader{id: "bob"})

	answer, err := fetch(ctx, a.Namespace, "bob").Timeout(time.Second).EmitWithAck(ctx, "ready?")
	fmt.Println(answer, err)
	// Output: "bob" <nil>
}

func ExampleRemoteSocket_Join() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	bob := b.connect("bob", "red")

	remote := fetch(ctx, a.Namespace, "bob")
	check(remote.Join(ctx, "blue"))
	check(remote.Leave(ctx, "red"))
	check(a.To("red").Emit(ctx, "for red"))
	check(a.To("blue").Emit(ctx, "for blue"))
	fmt.Println(<-bob.outbox)
	// Output: ["for blue"]
}

func ExampleRemoteSocket_Disconnect() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	b.connect("bob")

	check(fetch(ctx, a.Namespace, "bob").Disconnect(ctx, true))
	sockets, err := a.FetchSockets(ctx)
	fmt.Println(len(sockets), err)
	// Output: 0 <nil>
}
