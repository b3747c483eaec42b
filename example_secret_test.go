package backplane_test

import (
	"context"
	"log"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// A cluster whose messages are signed: whoever can connect to the database, but does not know the secret, is no peer.
func Example_secret() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	secret, err := os.ReadFile("/run/secrets/backplane") // at least 16 bytes, better 32 random ones
	if err != nil {
		log.Fatal(err)
	}
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool), Secret: secret})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)
}
