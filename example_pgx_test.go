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

// startWithPgx starts a node with one client. On two machines both would run this.
func startWithPgx(ctx context.Context, id string) (chat *backplane.Namespace, c *client, stop func()) {
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool)})
	if err != nil {
		log.Fatal(err)
	}
	server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
	chat, err = cluster.Namespace(ctx, "/chat", server)
	if err != nil {
		log.Fatal(err)
	}
	return chat, server.connect(id, "lobby"), func() {
		if err := cluster.Close(ctx); err != nil {
			log.Print(err)
		}
		pool.Close()
	}
}

// Two nodes on one PostgreSQL, with pgx. TestPostgresExamples runs this example if there is a server (make test
// starts one).
func Example_pgx() {
	ctx := context.Background()
	one, a, stopOne := startWithPgx(ctx, "a")
	defer stopOne()
	two, b, stopTwo := startWithPgx(ctx, "b")
	defer stopTwo()

	for _, node := range []*backplane.Namespace{one, two} {
		if err := node.To("lobby").Emit(ctx, "hello", "everybody"); err != nil {
			log.Fatal(err)
		}
		fmt.Println(<-a.outbox, <-b.outbox)
	}
	// With a server this prints:
	// ["hello","everybody"] ["hello","everybody"]
	// ["hello","everybody"] ["hello","everybody"]
}
