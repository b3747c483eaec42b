package backplane_test

import (
	"context"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// A cluster whose messages are signed: who can connect to the database, but does not know the secret, is no peer.
func Example_secret() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	defer pool.Close()

	secret, err := os.ReadFile("/run/secrets/backplane") // at least 16 bytes, best 32 random ones
	if err != nil {
		panic(err)
	}
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool), Secret: secret})
	if err != nil {
		panic(err)
	}
	defer cluster.Close(ctx)
}
