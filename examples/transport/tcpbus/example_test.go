package tcpbus_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/examples/transport/tcpbus"
)

// client is a connection that records what it receives.
type client struct {
	id  string
	got chan string
}

func (c *client) ID() string               { return c.id }
func (c *client) Send(p *backplane.Packet) { c.got <- c.id + " got " + p.Args.String() }
func (c *client) Disconnect(bool)          {}

// Two nodes form a cluster over the hub, which may run anywhere.
func Example() {
	ctx := context.Background()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer ln.Close()
	go new(tcpbus.Hub).Serve(ln)

	got := make(chan string, 2)
	var chats []*backplane.Namespace
	for _, id := range []string{"left", "right"} {
		cluster, err := backplane.Open(ctx, backplane.Config{Bus: tcpbus.New(ln.Addr().String())})
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
	// Unordered output:
	// left got ["hello",42]
	// right got ["hello",42]
}
