package worker

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/transport"
)

// OpenBus returns a bus of a driver, "pgx" or "pq", on a new pool, and a function that closes the pool.
func OpenBus(driver, url string) (bus transport.Bus, closePool func(), err error) {
	if driver == "pq" {
		db, err := sql.Open("postgres", url)
		if err != nil {
			return nil, nil, err
		}
		return pqdriver.New(db, url), func() { _ = db.Close() }, nil
	}
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		return nil, nil, err
	}
	return pgxdriver.New(pool), pool.Close, nil
}
