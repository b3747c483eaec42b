package backplane_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport/memory"
)

// logged opens the namespace "/chat" of a cluster that keeps its messages.
func logged(ctx context.Context) (*backplane.Cluster, *backplane.Namespace) {
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: memory.NewHub(), Log: &backplane.LogConfig{}})
	if err != nil {
		log.Fatal(err)
	}
	chat, err := cluster.Namespace(ctx, "/chat", backplane.NewRegistry(backplane.RegistryConfig{}))
	if err != nil {
		log.Fatal(err)
	}
	return cluster, chat
}

// A page that was opened asks for the latest messages of its room, and later for what has come since.
func ExampleTarget_History() {
	ctx := context.Background()
	cluster, chat := logged(ctx)
	defer cluster.Close(ctx)

	room := chat.To("room 1")
	for _, text := range []string{"one", "two", "three"} {
		if err := room.Emit(ctx, "message", text); err != nil {
			log.Fatal(err)
		}
	}
	show := func(events []backplane.Event, err error) (last backplane.Position) {
		if err != nil {
			log.Fatal(err)
		}
		for _, e := range events {
			var text string
			if err := e.Args.Decode(&text); err != nil {
				log.Fatal(err)
			}
			fmt.Println(text)
			last = e.Position
		}
		return last
	}
	last := show(room.History(ctx, backplane.Position{}, 2))
	if err := room.Emit(ctx, "message", "four"); err != nil {
		log.Fatal(err)
	}
	show(room.History(ctx, last, 50))
	// Output:
	// two
	// three
	// four
}

// A position can be stored as text. Head is where a history begins that has only what comes from now on.
func ExampleNamespace_Head() {
	ctx := context.Background()
	cluster, chat := logged(ctx)
	defer cluster.Close(ctx)

	order, isLogged := chat.LogOrder()
	fmt.Println("order:", order, isLogged)
	head, err := chat.Head(ctx)
	if err != nil {
		log.Fatal(err)
	}
	stored := head.String()

	if err := chat.To("room 1").Emit(ctx, "message", "hello"); err != nil {
		log.Fatal(err)
	}
	since, err := backplane.ParsePosition(stored)
	if err != nil {
		log.Fatal(err)
	}
	events, err := chat.History(ctx, since, 0)
	var unreadable *backplane.PositionError
	switch {
	case errors.As(err, &unreadable):
		fmt.Println("load the whole page:", unreadable.Reason)
	case err != nil:
		log.Fatal(err)
	}
	for _, e := range events {
		fmt.Println(e.Args.Event(), e.Rooms)
	}
	// Output:
	// order: cluster true
	// message [room 1]
}

// ReadLog also has the changes of rooms.
func ExampleNamespace_ReadLog() {
	ctx := context.Background()
	cluster, chat := logged(ctx)
	defer cluster.Close(ctx)

	start, err := chat.Head(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := chat.To("room 1").SocketsJoin(ctx, "room 2"); err != nil {
		log.Fatal(err)
	}
	if err := chat.To("room 2").Emit(ctx, "welcome"); err != nil {
		log.Fatal(err)
	}
	for entry, err := range chat.ReadLog(ctx, start) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.Type, entry.To.Rooms)
	}
	// Output:
	// SOCKETS_JOIN [room 1]
	// BROADCAST [room 2]
}

// The nodes of a cluster tell how far they have come.
func ExampleNamespace_PeerPositions() {
	ctx := context.Background()
	cluster, chat := logged(ctx)
	defer cluster.Close(ctx)

	for uid, at := range chat.PeerPositions() {
		fmt.Println(uid, at)
	}
	fmt.Println(len(chat.PeerPositions()), "peers")
	// Output: 0 peers
}

// A server that takes over a client of another node tells that node, which closes the old connection.
func ExampleNamespace_TakenSession() {
	ctx := context.Background()
	cluster, chat := logged(ctx)
	defer cluster.Close(ctx)

	owner := chat.UID() // as the store of sessions says
	if err := chat.TakenSession(owner, "socket 1"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(cluster.Sessions() != nil)
	// Output: true
}

// The bus of a cluster may also keep the sessions of clients.
func ExampleCluster_AwaySessions() {
	ctx := context.Background()
	cluster, _ := logged(ctx)
	defer cluster.Close(ctx)

	_, form := cluster.AwaySessions()
	fmt.Println("other programs recover clients, too:", form != nil)
	// Output: other programs recover clients, too: false
}

func ExampleNamespace_Keeps() {
	ctx := context.Background()
	cluster, chat := logged(ctx)
	defer cluster.Close(ctx)

	if err := chat.Emit(ctx, "message", "hello"); err != nil {
		log.Fatal(err)
	}
	events, err := chat.History(ctx, backplane.Position{}, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(chat.Keeps(ctx, events[0].Position))
	// Output: true <nil>
}

func ExampleCluster_Sessions() {
	ctx := context.Background()
	cluster, _ := logged(ctx)
	defer cluster.Close(ctx)

	fmt.Println("sessions can be shared:", cluster.Sessions() != nil)
	// Output: sessions can be shared: true
}
