package backplane_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport/memory"
)

// One cluster has any number of namespaces. Close leaves all of them.
func ExampleCluster_Namespace() {
	ctx := context.Background()
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: memory.NewHub()})
	check(err)

	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	chat, err := cluster.Namespace(ctx, "/chat", registry)
	check(err)
	_, err = cluster.Namespace(ctx, "/chat", registry)
	fmt.Println(chat.Name(), errors.Is(err, backplane.ErrNamespaceExists))
	fmt.Println(cluster.Close(ctx))
	// Output:
	// /chat true
	// <nil>
}

// NamespaceAsync is for a place that may not wait, such as the first client of a dynamic namespace.
func ExampleCluster_NamespaceAsync() {
	ctx := context.Background()
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: memory.NewHub()})
	check(err)
	defer cluster.Close(ctx)

	server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
	chat, err := cluster.NamespaceAsync("/chat", server)
	check(err)
	ann := server.connect("ann")
	check(chat.EmitAsync("hello"))
	fmt.Println(<-ann.outbox)
	// Output: ["hello"]
}

// A node that is not ready should get no clients. Package health serves the reasons over HTTP.
func ExampleCluster_Unready() {
	ctx := context.Background()
	bus := memory.NewHub()
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: bus})
	check(err)
	fmt.Println(cluster.Unready())
	check(cluster.Close(ctx))
	fmt.Println(cluster.Unready())
	// Output:
	// []
	// [the cluster is closed]
}

// SetTrace is for a Trace that needs something that is created after the cluster, here the namespace.
func ExampleCluster_SetTrace() {
	ctx := context.Background()
	bus := memory.NewHub()
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: bus})
	check(err)
	defer cluster.Close(ctx)
	server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
	chat, err := cluster.Namespace(ctx, "/chat", server)
	check(err)

	cluster.SetTrace(backplane.Trace{
		SessionRecovered: func(*backplane.GapError) { _ = chat.Local().EmitAsync("reload") },
	})
	ann := server.connect("ann")
	bus.Sever(errors.New("an outage"))
	fmt.Println(<-ann.outbox)
	// Output: ["reload"]
}

func ExampleCluster_Stats() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	bob := b.connect("bob")
	before := b.cluster.Stats()

	check(a.Emit(ctx, "hello"))
	<-bob.outbox
	after := b.cluster.Stats()
	fmt.Println(after.Received-before.Received, after.ReceiveDropped, after.SessionsLost)
	// Output: 1 0 0
}
