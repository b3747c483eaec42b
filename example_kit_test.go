package backplane_test

import (
	"context"
	"errors"
	"log"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport/memory"
)

// node is one server of the examples: its hub has the clients of this server, its namespace reaches those of both.
type node struct {
	hub
	*backplane.Namespace
	cluster *backplane.Cluster
}

// startTwoNodes starts two servers in one process. On two machines they would share a database instead of a memory.Hub.
func startTwoNodes(ctx context.Context) (a, b node, stop func()) {
	bus := memory.NewHub()
	var nodes [2]node
	for i := range nodes {
		cluster, err := backplane.Open(ctx, backplane.Config{Bus: bus})
		check(err)
		server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
		chat, err := cluster.Namespace(ctx, "/chat", server)
		check(err)
		nodes[i] = node{server, chat, cluster}
	}
	a, b = nodes[0], nodes[1]
	check(errors.Join(a.WaitForPeers(ctx, 1), b.WaitForPeers(ctx, 1)))
	return a, b, func() { check(errors.Join(a.cluster.Close(ctx), b.cluster.Close(ctx))) }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
