package main_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// doctor runs the doctor in the world's namespace.
func (w *world) doctor(code int, args ...string) map[string][3]string {
	w.t.Helper()
	return doctor(w.t, code, append(w.args("doctor"), args...)[1:]...)
}

func TestLegacyDoctorFindsNoProblem(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	role := "reader_" + strings.TrimPrefix(path(t, w.url), "test_")
	pgtest.Exec(t, w.url, `CREATE ROLE `+role+` LOGIN`)
	t.Cleanup(func() { pgtest.Exec(t, pgtest.URL(t), `DROP ROLE `+role) })
	pgtest.Exec(t, w.url, `ALTER ROLE `+role+` SET default_transaction_read_only = on`)
	as := pgtest.With(t, w.url, func(u *url.URL) { u.User = url.User(role) })
	for _, driver := range drivers {
		for _, database := range []string{w.url, as} {
			found := w.doctor(0, "--driver", driver, "--postgres", database)
			require.Equal(t,
				"nodes of /chat: 2; servers that may have opened it: 0; with this library: 1, Node.js's: 1",
				found["nodes"][1], "also a role without privileges sees the connections of others")
			require.Regexp(t, `^nodes that have answered a request: 2, the first after \d+\.\d ms, the last after \d+\.\d ms$`,
				found["answers"][1])
			require.Contains(t, found["names"][1], "nodes are counted by "+w.entry())
			require.Contains(t, found["Node.js"][1], "servers of Node.js: 1. Their requests to all nodes")
			require.Regexp(t, `^a notification on socketio came back after \d+\.\d ms; other messages in 1s: 0,`,
				found["channel"][1])
			require.Empty(t, problems(found))
		}
	}
	found := w.doctor(0, "--nsp", "/unopened")
	require.Equal(t, "nodes of /unopened: 0; servers that may have opened it: 1; with this library: 0, Node.js's: 1",
		found["nodes"][1])
	require.Equal(t, "no server has opened the namespace", found["answers"][1])
	require.Len(t, w.ours.Peers(), 1, "the doctor must not count as a node")
	require.Empty(t, w.peer.Errors.Take(), "the Node.js node must not notice the doctor")
	r := w.run("doctor")
	require.Regexp(t, `(?m)^ok    answers          nodes that have answered`, r.stdout)
	require.NotContains(t, r.stdout, "table")
}

func TestLegacyDoctorFindsProblemsOfACluster(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	w.hang()
	found := problems(w.doctor(1, "--timeout", "2s"))
	require.Len(t, found, 1)
	require.Equal(t, "only 2 of 3 nodes have answered a request", found["answers"][1])
	require.Contains(t, found["answers"][2], "backplane nodes --dialect legacy")

	other := &world{t: t, ctx: w.ctx, url: pgtest.Database(t), flags: w.flags}
	other.hang()
	found = problems(w.doctor(1, "--timeout", "2s"))
	require.Equal(t, "warn", found["other databases"][0])
	require.Contains(t, found["other databases"][1], "in other databases of the server: 1; Node.js's servers count")
	require.Contains(t, found["other databases"][2], "a key of its own")
}

func TestLegacyDoctorFindsOtherUsersOfTheChannel(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	conn, err := pgx.Connect(ctx, database)
	require.NoError(t, err)
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_, _ = conn.Exec(ctx, `SELECT pg_notify('socketio', 'garbage'), pg_sleep(0.01)`) // fails when ctx ends
		}
		_ = conn.Close(context.WithoutCancel(ctx))
	}()
	found := problems(doctor(t, 0, "--postgres", database, "--dialect", "legacy", "--prefix", "absent"))
	cancel()
	<-ended
	require.Len(t, found, 1)
	require.Equal(t, "warn", found["channel"][0])
	require.Regexp(t, `^(\d+) of (\d+) messages on socketio in 1s cannot be read: .*malformed`, found["channel"][1])
	require.Contains(t, found["channel"][2], "backplane tail --dialect legacy")
}

func TestLegacyDoctorFindsNamesThatAreNotShown(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	args := []string{"--postgres", database, "--dialect", "legacy", "--prefix", "absent"}
	found := problems(doctor(t, 0, append(args, "--nsp", strings.Repeat("n", 60))...))
	require.Contains(t, found["names"][1], "has 87 bytes, and PostgreSQL shows 63: Node.js's servers find no node")
	require.Contains(t, found["names"][2], "by 24 bytes")
	found = problems(doctor(t, 0, append(args, "--nsp", "grüße")...))
	require.Contains(t, found["names"][1], "PostgreSQL replaces characters that are not ASCII")

	transactions := pgtest.NewBouncer(t, database, pgtest.PoolTransactions)
	found = doctor(t, 1, "--postgres", transactions, "--dialect", "legacy", "--prefix", "absent", "--timeout", "2s")
	require.Equal(t, "fail", found["pooler"][0])
	require.Equal(t, "fail", found["notifications"][0])
	dead := "postgres://u:secret@" + closedPort(t) + "/x?sslmode=disable"
	found = doctor(t, 1, "--postgres", dead, "--dialect", "legacy")
	require.Len(t, found, 1)
	require.Contains(t, found["connection"][1], "connection refused: check that the server runs")
}

func TestLegacyDoctorWithoutNodes(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	for _, driver := range drivers {
		found := doctor(t, 0, "--postgres", database, "--driver", driver, "--dialect", "legacy", "--prefix", "absent")
		require.Equal(t, "none of / is connected", found["nodes"][1])
		require.Equal(t, "there is no node to ask", found["answers"][1])
		require.NotContains(t, found, "table", "the dialect needs no table")
		require.Empty(t, problems(found))
	}
}
