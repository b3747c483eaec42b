package redissharded_test

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// openSharded joins the cluster whose channelPrefix is "myapp".
func openSharded(ctx context.Context, bus transport.Bus) (*backplane.Cluster, error) {
	return backplane.Open(ctx, backplane.Config{
		// with Node.js: redisdriver.NewWithConfig(client, redisdriver.Config{RawNames: true, Sharded: true})
		Bus:           bus,
		Dialect:       redissharded.Dialect{Mode: redissharded.Dynamic}, // the subscriptionMode of the Node.js package
		ChannelPrefix: "myapp",
	})
}

// Two nodes of a cluster of sharded adapters.
func ExampleDialect() {
	ctx := context.Background()
	bus := memory.NewHub()
	for range 2 {
		cluster, err := openSharded(ctx, bus)
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

func ExampleMode_String() {
	fmt.Println(redissharded.Dynamic, redissharded.DynamicPrivate, redissharded.Static)
	// Output: dynamic dynamic-private static
}
