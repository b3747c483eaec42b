package main_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// logReport is what log --json prints.
type logReport struct {
	Epoch      string
	Bytes      int64
	Oldest     *string
	Waiting    int64
	Namespaces []struct {
		NSP, Trimmed, Head string
		Records            int64
	}
	Nodes []struct {
		UID, NSP string
		At       *string
		Lag      *uint64
	}
}

// report runs the log command in all namespaces.
func (w *logWorld) report(args ...string) (got logReport) {
	w.t.Helper()
	r := run(w.t, append([]string{"log", "--json", "--postgres", w.url}, args...)...)
	require.Zero(w.t, r.code, r.stderr)
	require.Empty(w.t, r.stderr)
	readJSON(w.t, r.stdout, &got)
	return got
}

func TestLogShowsTheLogAndItsNodes(t *testing.T) {
	t.Parallel()
	w := newLogWorld(t)
	got := w.report()
	require.NotEmpty(t, got.Epoch)
	require.Nil(t, got.Oldest)
	require.Empty(t, got.Namespaces, "nothing was kept yet")

	for range 3 {
		require.NoError(t, w.ns.Emit(w.ctx, "news"))
	}
	plain, err := w.open(nil).Namespace(w.ctx, "/chat", backplane.NewRegistry(backplane.RegistryConfig{}))
	require.NoError(t, err)
	other, err := w.cluster.Namespace(w.ctx, "/other", backplane.NewRegistry(backplane.RegistryConfig{}))
	require.NoError(t, err)
	require.NoError(t, other.Emit(w.ctx, "news"))
	require.NoError(t, w.ns.WaitForPeers(w.ctx, 1))
	for _, driver := range drivers {
		got = w.report("--driver", driver)
		require.NotNil(t, got.Oldest)
		require.Positive(t, got.Bytes)
		require.Zero(t, got.Waiting)
		require.Len(t, got.Namespaces, 2)
		for i, want := range []struct {
			nsp, head string
			records   int64
		}{{"/chat", "3", 3}, {"/other", "1", 1}} {
			require.Equal(t, want.nsp, got.Namespaces[i].NSP)
			require.Equal(t, "0", got.Namespaces[i].Trimmed)
			require.Equal(t, want.head, got.Namespaces[i].Head)
			require.Equal(t, want.records, got.Namespaces[i].Records)
		}
		require.Len(t, got.Nodes, 3)
		found := make(map[string]*string)
		for _, n := range got.Nodes {
			found[n.NSP+" "+n.UID] = n.At
			if n.At != nil {
				require.Zero(t, *n.Lag)
			}
		}
		require.Equal(t, "3", *found["/chat "+w.ns.UID()])
		require.Equal(t, "1", *found["/other "+other.UID()])
		require.Contains(t, found, "/chat "+plain.UID())
		require.Nil(t, found["/chat "+plain.UID()], "this node has no log")
	}

	require.Len(t, w.report("--nsp", "other").Namespaces, 1)
	r := run(t, "log", "--postgres", w.url)
	require.Zero(t, r.code, r.stderr)
	for _, want := range []string{`(?m)^epoch    \w+$`, `(?m)^size     [\d.]+ KiB$`, `(?m)^oldest   kept \w+ ago$`,
		`(?m)^waiting  0 in the outbox$`, `(?m)^NAMESPACE +MESSAGES +TRIMMED +HEAD$`, `(?m)^/chat +3 +0 +3$`,
		`(?m)^NODE +NAMESPACE +AT +LAG$`, `(?m)^` + w.ns.UID() + ` +/chat +3 +0$`,
		`(?m)^` + plain.UID() + ` +/chat +no log$`} {
		require.Regexp(t, want, r.stdout)
	}
	require.Equal(t, 3, int(w.report().Namespaces[0].Records), "the command must not trim the log")
}

func TestLogRefusesWrongUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--settle", "0s"}, "--settle must be more than 0"},
		{[]string{"--dialect", "legacy"}, "log"},
		{[]string{"--nsp", "/" + strings.Repeat("n", 70)}, "shorten the namespace"},
		{[]string{"--log-table", "a.b.c"}, "--log-table"},
	} {
		r := run(t, append([]string{"log", "--postgres", "postgres://localhost/x"}, c.args...)...)
		require.Equal(t, 2, r.code, r.stderr)
		require.Contains(t, r.stderr, c.want)
		requireOneLine(t, r.stderr)
	}
}

// loggedRole is a role without privileges in a new database that has the tables of a cluster with a log.
func loggedRole(t *testing.T) (database, role, as string) {
	t.Helper()
	database = pgtest.Database(t)
	role = "logged_" + strings.TrimPrefix(path(t, database), "test_")
	pgtest.Exec(t, database, `CREATE ROLE `+role+` LOGIN`)
	t.Cleanup(func() { pgtest.Exec(t, pgtest.URL(t), `DROP ROLE `+role) })
	t.Cleanup(func() { pgtest.Exec(t, database, `DROP OWNED BY `+role) })
	r := run(t, "schema", "--log")
	require.Zero(t, r.code, r.stderr)
	pgtest.Exec(t, database, r.stdout)
	return database, role, pgtest.With(t, database, func(u *url.URL) { u.User = url.User(role) })
}

// What schema prints is enough, for nodes and for all commands. The SQL can be run again, and removed.
func TestSchemaOfALog(t *testing.T) {
	t.Parallel()
	database, role, as := loggedRole(t)
	for _, driver := range drivers {
		for _, command := range []string{"serve", "demo"} {
			r := run(t, command, "--log", "--addr", "127.0.0.1:0", "--postgres", as, "--driver", driver)
			requireFailure(t, r, "a privilege is missing", "socket_io_attachments")
		}
	}
	pgtest.Exec(t, database, run(t, "schema", "--role", role).stdout)
	for _, driver := range drivers {
		r := run(t, "serve", "--log", "--addr", "127.0.0.1:0", "--postgres", as, "--driver", driver)
		requireFailure(t, r, `"backplane_log": a privilege is missing`,
			`"backplane schema --log --table socket_io_attachments --log-table backplane_log --role ROLE | psql -1 URL"`)
		require.Less(t, len(r.stderr), 500, "the error must not have the whole SQL")
	}
	for range 2 {
		pgtest.Exec(t, database, run(t, "schema", "--log", "--role", role).stdout)
	}
	for _, driver := range drivers {
		s := start(t, "serve", "--log", "--recover", "1m", "--addr", "127.0.0.1:0", "--postgres", as,
			"--driver", driver)
		say(visit(t, s.links[0], `{}`), "", "hello")
		s.interrupt()
		require.Empty(t, s.stderr.String())
		require.Empty(t, problems(doctor(t, 0, "--log", "--postgres", as, "--driver", driver)))
		r := run(t, "history", "--postgres", as, "--driver", driver, "--limit", "1000")
		require.Contains(t, r.stdout, `"hello"`)
		require.Zero(t, run(t, "log", "--postgres", as, "--driver", driver).code)
	}
	for range 2 {
		pgtest.Exec(t, database, run(t, "schema", "--log", "down").stdout)
	}
	require.Zero(t, pgtest.QueryInt(t, database, `SELECT (SELECT count(*) FROM pg_class WHERE relname ~ '^backplane') +
		(SELECT count(*) FROM pg_proc WHERE proname ~ '^backplane')`))
}

// With --log, the log keeps what the SQL functions emit, if a role may call them.
func TestSchemaOfFunctionsWithALog(t *testing.T) {
	t.Parallel()
	w := newLogWorld(t)
	role := "sql_" + strings.TrimPrefix(path(t, w.url), "test_")
	pgtest.Exec(t, w.url, `CREATE ROLE `+role+` LOGIN`)
	t.Cleanup(func() { pgtest.Exec(t, pgtest.URL(t), `DROP ROLE `+role) })
	t.Cleanup(func() { pgtest.Exec(t, w.url, `DROP OWNED BY `+role) })
	as := pgtest.With(t, w.url, func(u *url.URL) { u.User = url.User(role) })

	pgtest.Exec(t, w.url, run(t, "schema", "--functions").stdout)
	found := problems(doctor(t, 0, "--postgres", w.url))
	require.Equal(t, "warn", found["functions"][0])
	require.Contains(t, found["functions"][1], "there is a log, and it does not keep what they emit")
	require.Contains(t, found["functions"][2], "backplane schema --functions --log ")

	for range 2 {
		r := run(t, "schema", "--functions", "--log", "--role", role, "--log-age", "1h")
		require.Zero(t, r.code, r.stderr)
		pgtest.Exec(t, w.url, r.stdout)
	}
	found = doctor(t, 0, "--postgres", w.url)
	require.Equal(t, "ok", found["functions"][0])
	require.Contains(t, found["functions"][1], "the log keeps what they emit")
	pgtest.Exec(t, as, `SELECT backplane_emit('/chat', ARRAY['r'], 'small', '[1]'),
		backplane_emit('/chat', NULL, 'large', jsonb_build_array(repeat('x', 9000)))`)
	require.Eventually(t, func() bool { return len(w.history()) == 2 }, patience, pause, "a node must move the outbox")
	events := w.history()
	require.Equal(t, []string{"small", "large"}, names(events))
	require.Equal(t, []string{"r"}, events[0].Rooms)
	require.Len(t, events[1].Args[0], 9000)

	for _, args := range [][]string{{"--log-age", "1m"}, {"--log", "--log-age", "1m"},
		{"down", "--log", "--log-age", "1m"},
		{"--functions", "--log", "--log-age", "-1s"}, {"--log-table", "x"}} {
		require.Equal(t, 2, run(t, append([]string{"schema"}, args...)...).code, args)
	}
}

// The tables of the log are in the schema of the table for attachments, unless they are named.
func TestSchemaOfALogInASchema(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	pgtest.Exec(t, database, `CREATE SCHEMA realtime; CREATE SCHEMA other`)
	for table, flags := range map[string][]string{
		"realtime.backplane_log": {"--table", "realtime.attachments"},
		"other.log":              {"--table", "realtime.attachments", "--log-table", "other.log"},
	} {
		pgtest.Exec(t, database, run(t, append([]string{"schema", "--log"}, flags...)...).stdout)
		require.Equal(t, 1, pgtest.QueryInt(t, database, `SELECT count(*) FROM `+table))
		require.Equal(t, 1, pgtest.QueryInt(t, database, `SELECT count(*) FROM pg_class
			WHERE oid = to_regclass('realtime.backplane_sessions')`))
		s := start(t, append([]string{"serve", "--log", "--addr", "127.0.0.1:0", "--postgres", database}, flags...)...)
		say(visit(t, s.links[0], `{}`), "", "hello")
		require.Empty(t, problems(doctor(t, 0, append([]string{"--log", "--postgres", database}, flags...)...)))
		r := run(t, append([]string{"history", "--postgres", database}, flags...)...)
		require.Contains(t, r.stdout, `"hello"`, r.stderr)
	}
	require.Zero(t, pgtest.QueryInt(t, database, `SELECT count(*) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relname ~ '^backplane'`), "nothing belongs into public")
}

func TestDoctorChecksTheLog(t *testing.T) {
	t.Parallel()
	database, role, as := loggedRole(t)
	pgtest.Exec(t, database, run(t, "schema", "--role", role).stdout)
	found := problems(doctor(t, 1, "--postgres", as))
	require.Len(t, found, 1, "checks that require the log must be skipped")
	require.Contains(t, found["log"][1], "a privilege is missing")
	require.Contains(t, found["log"][2], "backplane schema --log")

	pgtest.Exec(t, database, run(t, "schema", "--log", "--role", role).stdout)
	all := doctor(t, 0, "--postgres", as)
	require.Equal(t, "backplane_log, version 1, with all privileges that a node needs", all["log"][1])
	require.Equal(t, "a message was kept, read, and rolled back", all["kept messages"][1])
	require.Regexp(t, `^epoch \w+; nothing is kept: 0; namespaces: 0; .*waiting in the outbox: 0$`, all["log contents"][1])
	require.Contains(t, all["sessions"][1], "backplane_sessions, with all privileges")
	require.Zero(t, pgtest.QueryInt(t, database, `SELECT count(*) FROM backplane_log_0`), "no row must be left behind")

	pgtest.Exec(t, database, `DROP TABLE backplane_sessions`)
	found = problems(doctor(t, 0, "--postgres", as))
	require.Len(t, found, 1)
	require.Equal(t, "warn", found["sessions"][0])
	require.Contains(t, found["sessions"][1], "clients cannot be recovered on another node")

	pgtest.Exec(t, database, `DROP TABLE backplane_log_3`)
	found = problems(doctor(t, 1, "--postgres", as))
	require.Contains(t, found["log"][1]+found["log"][2], "backplane_log_3")

	pgtest.Exec(t, database, `ALTER ROLE `+role+` SET default_transaction_read_only = on`)
	found = problems(doctor(t, 1, "--postgres", as, "--log"))
	require.Contains(t, found["log"][1], "read-only")
}

// A log of another version is refused, with what to do. A server on which nothing can be written is, too.
func TestCommandsRefuseALogOfAnotherVersion(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	pgtest.Exec(t, database, run(t, "schema", "--log").stdout)
	version := func(n string) {
		pgtest.Exec(t, database, `CREATE OR REPLACE FUNCTION backplane_log_version() RETURNS integer
			LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'SELECT `+n+`'`)
	}
	version("999")
	for _, args := range [][]string{{"log"}, {"history"}, {"emit", "--log", "a"}} {
		r := run(t, append(args, "--postgres", database)...)
		requireFailure(t, r, "has version 999: use a newer backplane command")
	}
	for _, command := range []string{"serve", "demo"} {
		r := run(t, command, "--log", "--addr", "127.0.0.1:0", "--postgres", database)
		requireFailure(t, r, "999", "upgrade the program")
	}
	found := problems(doctor(t, 1, "--postgres", database))
	require.Contains(t, found["log"][1]+found["log"][2], "999")
	version("0")
	for _, args := range [][]string{{"log"}, {"history"}} {
		requireFailure(t, run(t, append(args, "--postgres", database)...), "there is no log")
	}
	version("1")
	pgtest.Exec(t, database, `ALTER DATABASE `+path(t, database)+` SET default_transaction_read_only = on`)
	for _, driver := range drivers {
		r := run(t, "serve", "--log", "--addr", "127.0.0.1:0", "--postgres", database, "--driver", driver)
		requireFailure(t, r, "read-only")
		r = run(t, "emit", "--log", "a", "--postgres", database, "--driver", driver)
		requireFailure(t, r, "read-only", "connect to the primary server")
	}
}

func TestDoctorFindsNodesWithoutALog(t *testing.T) {
	t.Parallel()
	w := newLogWorld(t)
	found := doctor(t, 0, "--log", "--postgres", w.url, "--nsp", "/chat")
	require.Equal(t, "nodes of /chat: 1, all with a log", found["nodes"][1])
	plain, err := w.open(nil).Namespace(w.ctx, "/chat", backplane.NewRegistry(backplane.RegistryConfig{}))
	require.NoError(t, err)
	require.NoError(t, plain.WaitForPeers(w.ctx, 1))
	found = problems(doctor(t, 0, "--log", "--postgres", w.url, "--nsp", "/chat"))
	require.Equal(t, "warn", found["nodes"][0])
	require.Equal(t, "nodes of /chat with a log: 1, without: 1 ("+plain.UID()+")", found["nodes"][1])
	require.Contains(t, found["nodes"][2], "is not kept")

	database := pgtest.Database(t)
	found = doctor(t, 1, "--log", "--postgres", database)
	require.Contains(t, found["log"][1], "there is no log backplane_log")
	require.Equal(t, 2, run(t, "doctor", "--log", "--dialect", "legacy", "--postgres", database).code)
}
