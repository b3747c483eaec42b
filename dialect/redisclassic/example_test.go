package redisclassic_test

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// openClassic joins the cluster whose key is "myapp".
func openClassic(ctx context.Context, bus transport.Bus) (*backplane.Cluster, error) {
	return backplane.Open(ctx, backplane.Config{
		Bus:           bus, // with Node.js: redisdriver.NewWithConfig(client, redisdriver.Config{RawNames: true})
		Dialect:       redisclassic.Dialect{},
		ChannelPrefix: "myapp", // the key of the Node.js package
	})
}

// Two nodes of a cluster in the classic dialect of Redis.
func ExampleDialect() {
	ctx := context.Background()
	bus := memory.NewHub()
	for range 2 {
		cluster, err := openClassic(ctx, bus)
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
