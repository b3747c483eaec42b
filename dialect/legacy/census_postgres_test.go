package legacy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// TestCensusOnPostgres: PostgreSQL cuts and alters names, and drops the connections that show them.
func TestCensusOnPostgres(t *testing.T) {
	database := pgtest.Database(t)
	// The census sees all databases of the server, so no other test may use this prefix.
	key := database[strings.LastIndex(database, "/test_")+1:][:16]
	driver := func() *pgxdriver.Driver {
		pool, err := pgxpool.New(within(t), database)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		d := pgxdriver.New(pool)
		t.Cleanup(func() { _ = d.Close(context.Background()) })
		return d
	}
	a, b := newCensus(t, legacy.Dialect{}, key, driver()), newCensus(t, legacy.Dialect{}, key, driver())
	long := "/" + strings.Repeat("x", 80)
	nsps := []string{"/", "/chat", "/ü", long}
	for _, nsp := range nsps {
		require.NoError(t, a.Enter(within(t), nsp))
		t.Cleanup(func() { _ = a.Leave(context.Background(), nsp) })
	}
	for _, nsp := range nsps[:2] {
		require.NoError(t, b.Enter(within(t), nsp))
		t.Cleanup(func() { _ = b.Leave(context.Background(), nsp) })
		certain, possible := others(t, a, nsp)
		assert.Len(t, certain, 1, nsp)
		assert.Empty(t, possible, nsp)
	}
	for _, nsp := range nsps[2:] {
		certain, possible := others(t, b, nsp)
		assert.Empty(t, certain, nsp)
		assert.Len(t, possible, 1, "%s: the name may be that of another namespace", nsp)
	}

	config, err := pgx.ParseConfig(database)
	require.NoError(t, err)
	config.RuntimeParams["application_name"] = "socket.io-" + key + "-request#/chat#" // as in Node.js
	conn, err := pgx.ConnectConfig(within(t), config)
	require.NoError(t, err)
	certain, possible := others(t, a, "/")
	assert.Len(t, certain, 2)
	assert.Empty(t, possible)
	certain, possible = others(t, a, "/chat")
	assert.Len(t, certain, 2)
	assert.Empty(t, possible)
	require.NoError(t, conn.Close(within(t)))

	// What Node.js counts: all connections with the name, its own too.
	count := func() int {
		return pgtest.QueryInt(t, database, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1",
			"socket.io-"+key+"-request#/chat#")
	}
	require.Eventually(t, func() bool { return count() == 2 }, within30, tick)
	pgtest.QueryInt(t, database, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "+
		"WHERE application_name = $1", "socket.io-"+key+"-request#/chat#")
	require.Eventually(t, func() bool { return count() == 0 }, within30, tick)
	certain, _ = others(t, a, "/chat")
	assert.Empty(t, certain)
	others(t, b, "/chat")
	require.Equal(t, 2, count(), "the connections are there again")
	for _, nsp := range nsps {
		require.NoError(t, a.Leave(within(t), nsp))
		require.NoError(t, b.Leave(within(t), nsp))
	}
	require.Equal(t, 0, count())
}
