package backplane_test

import (
	"context"
	"fmt"
	"log"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport/memory"
)

// One server asks the other servers, not their clients.
func ExampleTarget_ServerSideEmitWithAck() {
	ctx := context.Background()
	bus := memory.NewHub()
	var nodes [3]*backplane.Namespace
	for i := range nodes {
		cluster, err := backplane.Open(ctx, backplane.Config{Bus: bus})
		if err != nil {
			log.Fatal(err)
		}
		defer cluster.Close(ctx)
		registry := backplane.NewRegistry(backplane.RegistryConfig{
			ServerSideEmit: func(args backplane.Args, reply func(backplane.Value)) {
				var a, b int
				if args.Event() != "add" || reply == nil || args.Decode(&a, &b) != nil {
					return
				}
				if sum, err := codec.NewValue(a + b); err == nil {
					reply(sum)
				}
			},
		})
		if nodes[i], err = cluster.Namespace(ctx, "/", registry); err != nil {
			log.Fatal(err)
		}
	}
	if err := nodes[0].WaitForPeers(ctx, 2); err != nil {
		log.Fatal(err)
	}

	answers, err := nodes[0].ServerSideEmitWithAck(ctx, "add", 19, 23)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answers)
	// Output: [42 42]
}
