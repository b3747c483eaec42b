package emitter_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/transport/memory"
)

// printer is a client that prints the events that it receives.
type printer struct {
	id   string
	gone chan struct{}
}

func (p printer) ID() string               { return p.id }
func (p printer) Send(packet *core.Packet) { fmt.Println(p.id, packet.Args) }
func (p printer) Disconnect(bool) {
	fmt.Println(p.id, "disconnected")
	close(p.gone)
}

// A job outside of the cluster sends to the clients of a node. Here both are in one process, on a bus in
// memory.
func Example() {
	ctx := context.Background()
	bus := memory.NewHub()
	cluster, err := core.Open(ctx, core.Config{Bus: bus})
	if err != nil {
		log.Fatal(err)
	}
	registry := core.NewRegistry(core.RegistryConfig{})
	alice, bob := printer{"alice", make(chan struct{})}, printer{"bob", nil}
	registry.Add(alice, "room1")
	registry.Add(bob, "room1", "room2")
	if _, err := cluster.Namespace(ctx, "/", registry); err != nil {
		log.Fatal(err)
	}

	e, err := emitter.New(emitter.Config{Bus: bus})
	if err != nil {
		log.Fatal(err)
	}
	err = errors.Join(
		e.To("room1").Emit(ctx, "news", 1),
		e.To("room1").Except("room2").Emit(ctx, "news", 2),
		e.In("bob").SocketsJoin(ctx, "room3"),
		e.To("room3").Emit(ctx, "news", 3),
		e.In("room1").Except("bob").DisconnectSockets(ctx, true),
	)
	if err != nil {
		log.Fatal(err)
	}
	<-alice.gone
	if err := cluster.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// alice ["news",1]
	// bob ["news",1]
	// alice ["news",2]
	// bob ["news",3]
	// alice disconnected
}
