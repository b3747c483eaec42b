package backplane_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// Two nodes on one PostgreSQL, with pgx. They could be on two machines. The test that runs this example needs a server
// (make test starts one).
func Example_pgx() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	var nodes [2]*backplane.Namespace
	var clients [2]*client
	for i := range nodes {
		cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool)})
		if err != nil {
			log.Fatal(err)
		}
		defer cluster.Close(ctx)
		server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
		clients[i] = server.connect(fmt.Sprintf("client-%d", i+1), "lobby")
		if nodes[i], err = cluster.Namespace(ctx, "/chat", server); err != nil {
			log.Fatal(err)
		}
	}

	for _, node := range nodes {
		if err := node.To("lobby").Emit(ctx, "hello", "everybody"); err != nil {
			log.Fatal(err)
		}
		fmt.Println(<-clients[0].outbox, <-clients[1].outbox)
	}
	// With a server this prints:
	// ["hello","everybody"] ["hello","everybody"]
	// ["hello","everybody"] ["hello","everybody"]
}
