package natsstore_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/backplane-go/backplane/nats/natsstore"
)

// A stream on three servers. A cluster calls the methods.
func ExampleStore() {
	ctx := context.Background()
	nc, err := nats.Connect("nats://localhost:4222", nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()

	store := natsstore.NewWithConfig(nc, natsstore.Config{Replicas: 3, TimeToLive: 5 * time.Minute})
	if err := store.Prepare(ctx); err != nil {
		log.Fatal(err)
	}
	id, err := store.Put(ctx, make([]byte, 5<<20))
	if err != nil {
		log.Fatal(err)
	}
	body, err := store.Get(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	found, err := store.GetUpTo(ctx, []string{id}, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(body), found[0].Size, found[0].Body == nil)
}
