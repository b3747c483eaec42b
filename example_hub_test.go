package backplane_test

import (
	"context"
	"fmt"
	"log"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport/memory"
)

// hub is a server that knows its own clients and nothing about clusters. Its registry is what the cluster calls.
type hub struct{ *backplane.Registry }

// connect is called when a client has connected.
func (h hub) connect(id string, rooms ...string) *client {
	c := &client{id: id, hub: h, outbox: make(chan string, 16)}
	h.Add(c, rooms...)
	return c
}

// client is one connection. In a real server a goroutine writes its outbox to a WebSocket.
type client struct {
	id     string
	hub    hub
	outbox chan string
}

func (c *client) ID() string { return c.id }

// Send must not block, so a client that does not keep up is disconnected.
func (c *client) Send(p *backplane.Packet) {
	text, err := p.Args.AppendJSON(nil)
	if err != nil {
		return // the event contains binary data, which these clients do not understand
	}
	select {
	case c.outbox <- string(text):
	default:
		c.Disconnect(true)
	}
}

func (c *client) Disconnect(bool) { c.hub.Remove(c) }

// Two hubs form one cluster. In one process they share a memory.Hub; on two machines they would share a database. Only
// the bus changes.
func Example() {
	ctx := context.Background()
	bus := memory.NewHub()
	var hubs [2]hub
	var chats [2]*backplane.Namespace
	for i := range hubs {
		cluster, err := backplane.Open(ctx, backplane.Config{Bus: bus})
		if err != nil {
			log.Fatal(err)
		}
		defer cluster.Close(ctx)
		hubs[i] = hub{backplane.NewRegistry(backplane.RegistryConfig{})}
		if chats[i], err = cluster.Namespace(ctx, "/chat", hubs[i]); err != nil {
			log.Fatal(err)
		}
	}
	left, right := hubs[0].connect("left", "lobby"), hubs[1].connect("right", "lobby")

	if err := chats[0].To("lobby").Emit(ctx, "hello", "world", 42); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the client on node 1 got", <-left.outbox)
	fmt.Println("the client on node 2 got", <-right.outbox)
	// Output:
	// the client on node 1 got ["hello","world",42]
	// the client on node 2 got ["hello","world",42]
}
