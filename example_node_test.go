package backplane_test

import (
	"context"
	"fmt"
	"log"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport/memory"
)

// One node alone is a cluster, too: what works here works with a hundred.
func ExampleOpen() {
	ctx := context.Background()
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: memory.NewHub()})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)

	server := hub{backplane.NewRegistry(backplane.RegistryConfig{
		JoinRoom:  func(room, id string) { fmt.Println(id, "joins", room) },
		LeaveRoom: func(room, id string) { fmt.Println(id, "leaves", room) },
	})}
	chat, err := cluster.Namespace(ctx, "/chat", server)
	if err != nil {
		log.Fatal(err)
	}
	a := server.connect("a")
	server.connect("b")

	if err := chat.In("a").SocketsJoin(ctx, "lobby"); err != nil { // a socket is in the room of its own id
		log.Fatal(err)
	}
	if err := chat.To("lobby").Except("b").Emit(ctx, "hello"); err != nil {
		log.Fatal(err)
	}
	fmt.Println("a gets", <-a.outbox)
	if err := chat.DisconnectSockets(ctx, true); err != nil {
		log.Fatal(err)
	}
	fmt.Println(chat.ServerCount(), "server,", server.Len(), "clients")
	// Unordered output:
	// a joins a
	// b joins b
	// a joins lobby
	// a gets ["hello"]
	// a leaves a
	// a leaves lobby
	// b leaves b
	// 1 server, 0 clients
}
