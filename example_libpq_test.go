package backplane_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"

	_ "github.com/lib/pq"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/postgres/pqdriver"
)

// A node on PostgreSQL with lib/pq, for programs that use database/sql. The driver opens its own listening
// connection, so it needs the DSN too. TestPostgresExamples runs this example if there is a server (make test starts
// one).
func Example_libpq() {
	ctx := context.Background()
	dsn := os.Getenv("DATABASE_URL")
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pqdriver.New(db, dsn)})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)

	server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
	chat, err := cluster.Namespace(ctx, "/chat", server)
	if err != nil {
		log.Fatal(err)
	}
	a := server.connect("a")
	if err := chat.Emit(ctx, "hello", "from lib/pq"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-a.outbox)
	// With a server this prints:
	// ["hello","from lib/pq"]
}
