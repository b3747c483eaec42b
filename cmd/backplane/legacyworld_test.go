package main_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// newLegacyWorld returns a database with a Node.js node that has socket.io-adapter-postgres and a Go node, which are
// peers in the namespace /chat.
func newLegacyWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, url: pgtest.Database(t)}
	// Node.js counts the nodes in all databases of the server, so each test has its own key. It is short, because names
	// of connections are cut.
	key := w.url[strings.LastIndex(w.url, "/test_")+1:][:16]
	w.flags = []string{"--dialect", "legacy", "--prefix", key}
	w.registry = backplane.NewRegistry(backplane.RegistryConfig{})

	w.peer = interop.Start(t, interop.Config{Adapter: interop.Legacy, DatabaseURL: w.url,
		Legacy: interop.LegacyOptions{Key: key, CountAsNumber: true, RequestsTimeout: patience}})
	var err error
	w.node, err = w.peer.Namespace(ctx, "/chat")
	require.NoError(t, err)

	pool, err := pgxpool.New(ctx, w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool), Dialect: legacy.Dialect{},
		ChannelPrefix: key})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close(context.Background())) })
	w.cluster = cluster
	w.ours, err = cluster.Namespace(ctx, "/chat", w.registry)
	require.NoError(t, err)
	require.NoError(t, w.node.AwaitServerCount(ctx, 2))
	require.NoError(t, w.ours.WaitForPeers(ctx, 1))
	return w
}

// hang adds a node that does not answer.
func (w *world) hang() {
	w.t.Helper()
	conn, err := pgx.Connect(w.ctx, w.url)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(w.ctx, "SET application_name = '"+w.entry()+"'")
	require.NoError(w.t, err)
}

// entry returns the name by which nodes of the world's namespace are counted.
func (w *world) entry() string { return "socket.io-" + w.flags[3] + "-request#/chat#" }

// asked returns the values of a request of the Node.js node that all nodes have answered.
func asked(t *testing.T) func(interop.Answer, error) []any {
	return func(a interop.Answer, err error) []any {
		t.Helper()
		require.NoError(t, err)
		require.Empty(t, a.Error)
		return a.Values
	}
}
