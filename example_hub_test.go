package backplane_test

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport/memory"
)

// client is what a server knows of one connection: here, what it was sent.
type client struct {
	id   string
	sent chan string
}

func (c *client) ID() string { return c.id }

func (c *client) Send(p *backplane.Packet) {
	text, err := p.Args.AppendJSON(nil)
	if err != nil {
		return // binary, which this server's clients do not speak
	}
	select {
	case c.sent <- string(text):
	default: // a client that does not keep up
	}
}

func (c *client) Disconnect(bool) { close(c.sent) }

// hub is a server that knows nothing of clusters: its registry is the cluster's way to its clients.
type hub struct{ registry *backplane.Registry }

func (h hub) connect(id string, rooms ...string) *client {
	c := &client{id: id, sent: make(chan string, 16)}
	h.registry.Add(c, rooms...)
	return c
}

// Two servers with a client each form a cluster. In one process they share a memory.Hub; on several machines they
// share a database, and the only line to change is the one that makes the bus.
func Example() {
	ctx := context.Background()
	bus := memory.NewHub()
	hubs := [2]hub{}
	namespaces := [2]*backplane.Namespace{}
	for i := range hubs {
		cluster, err := backplane.Open(ctx, backplane.Config{Bus: bus})
		if err != nil {
			panic(err)
		}
		defer cluster.Close(ctx)
		hubs[i] = hub{backplane.NewRegistry(backplane.RegistryConfig{})}
		if namespaces[i], err = cluster.Namespace(ctx, "/", hubs[i].registry); err != nil {
			panic(err)
		}
	}
	alice, bob := hubs[0].connect("alice", "lobby"), hubs[1].connect("bob", "lobby")

	if err := namespaces[0].To("lobby").Emit(ctx, "hello", "world", 42); err != nil {
		panic(err)
	}
	fmt.Println("alice got", <-alice.sent)
	fmt.Println("bob got", <-bob.sent)
	// Output:
	// alice got ["hello","world",42]
	// bob got ["hello","world",42]
}
