package worker

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
)

// OpenBus returns a bus of a driver, "pgx", "pq" or "redis", on a new pool or client, and a function that closes that.
func OpenBus(driver, url string) (bus transport.Bus, closePool func(), err error) {
	switch driver {
	case "redis":
		options, err := redis.ParseURL(url)
		if err != nil {
			return nil, nil, err
		}
		client := redis.NewClient(options)
		return redisdriver.New(client), func() { _ = client.Close() }, nil
	case "pq":
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
