package redisstreams_test

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// openStreams joins the cluster whose streamName is "mystream".
func openStreams(ctx context.Context, bus transport.Bus) (*backplane.Cluster, error) {
	return backplane.Open(ctx, backplane.Config{
		Bus:     bus, // with Node.js: streamsdriver.New(client)
		Dialect: redisstreams.Dialect{Stream: "mystream"},
		Log:     &backplane.LogConfig{}, // clients are recovered on any server
	})
}

// Two nodes of a cluster on Redis streams.
func ExampleDialect() {
	ctx := context.Background()
	bus := memory.NewHub()
	for range 2 {
		cluster, err := openStreams(ctx, bus)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer cluster.Close(ctx)
		ns, err := cluster.Namespace(ctx, "/", backplane.NewRegistry(backplane.RegistryConfig{}))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("servers:", ns.ServerCount())
	}
	// Output:
	// servers: 1
	// servers: 2
}
