package postgres_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// A pool behind a proxy that pools transactions cannot use prepared statements, so other modes must work, too.
func TestPgxStoreInEveryQueryMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			database := pgtest.With(t, pgtest.Database(t), func(u *url.URL) {
				query := u.Query()
				query.Set("default_query_exec_mode", mode)
				u.RawQuery = query.Encode()
			})
			pool, err := pgxpool.New(within(t), database)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			d := pgxdriver.New(pool)
			t.Cleanup(func() { _ = d.Close(within(t)) })
			require.NoError(t, d.Prepare(within(t)))
			require.NoError(t, d.Prepare(within(t)))
			id, err := d.Put(within(t), []byte("a\x00\xff"))
			require.NoError(t, err)
			body, err := d.Get(within(t), id)
			require.NoError(t, err)
			require.Equal(t, "a\x00\xff", string(body))
			require.NoError(t, d.Expire(within(t), 0))
			expect(t, d, listen(t, d, "a"), "a")
		})
	}
}

func TestPgxHooksOfThePoolRunForOwnConnections(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	config, err := pgxpool.ParseConfig(pgtest.With(t, database, func(u *url.URL) { u.User = url.User("nobody") }))
	require.NoError(t, err)
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		c.User = "postgres" // like a hook that fills in a token
		return nil
	}
	connected := 0
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		connected++
		_, err := conn.Exec(ctx, "SET search_path TO nowhere")
		return err
	}
	pool, err := pgxpool.NewWithConfig(within(t), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	d := pgxdriver.New(pool)
	t.Cleanup(func() { _ = d.Close(within(t)) })
	expect(t, d, listen(t, d, "a"), "a")
	require.Equal(t, 2, connected, "the listening and the publishing connection")
	require.Zero(t, pool.Stat().NewConnsCount())
}

func TestPgxErrorNamesAnExhaustedPool(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(pgtest.Database(t))
	require.NoError(t, err)
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(within(t), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	d := pgxdriver.New(pool)
	t.Cleanup(func() { _ = d.Close(within(t)) })
	require.NoError(t, d.Prepare(within(t)))
	held, err := pool.Acquire(within(t))
	require.NoError(t, err)
	defer held.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = d.Put(ctx, []byte("a"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "waiting for a connection of the pool")
}
