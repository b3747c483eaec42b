package plainjson_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/examples/dialect/plainjson"
	"github.com/backplane-go/backplane/transport/memory"
)

// client is a connection that records what it receives.
type client struct {
	id  string
	got chan string
}

func (c *client) ID() string               { return c.id }
func (c *client) Send(p *backplane.Packet) { c.got <- c.id + " got " + p.Args.String() }
func (c *client) Disconnect(bool)          {}

// Two nodes form a cluster whose messages are plain JSON.
func Example() {
	ctx := context.Background()
	hub := memory.NewHub()
	got := make(chan string, 2)
	var chats []*backplane.Namespace
	for _, id := range []string{"left", "right"} {
		cluster, err := backplane.Open(ctx, backplane.Config{Bus: hub, Dialect: plainjson.Dialect{}})
		if err != nil {
			log.Fatal(err)
		}
		defer cluster.Close(ctx)
		registry := backplane.NewRegistry(backplane.RegistryConfig{})
		chat, err := cluster.Namespace(ctx, "/chat", registry)
		if err != nil {
			log.Fatal(err)
		}
		registry.Add(&client{id, got}, "lobby")
		chats = append(chats, chat)
	}

	if err := chats[0].To("lobby").Emit(ctx, "hello", 42); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-got)
	fmt.Println(<-got)

	_, err := chats[0].FetchSockets(ctx)
	var unsupported *backplane.UnsupportedError
	if errors.As(err, &unsupported) {
		fmt.Println(unsupported.Dialect, "has no message for", unsupported.Op)
	}
	// Unordered output:
	// left got ["hello",42]
	// right got ["hello",42]
	// plainjson has no message for fetch sockets
}
