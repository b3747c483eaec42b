package main_test

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// examination is what doctor --json prints.
type examination struct {
	OK     bool
	Checks []struct{ Check, Status, Detail, Advice string }
}

// doctor runs the doctor and returns status, detail and advice by check.
func doctor(t *testing.T, code int, args ...string) map[string][3]string {
	t.Helper()
	r := run(t, append([]string{"doctor", "--json"}, args...)...)
	require.Equal(t, code, r.code, "%s%s", r.stdout, r.stderr)
	var e examination
	readJSON(t, r.stdout, &e)
	require.Equal(t, code == 0, e.OK)
	found := make(map[string][3]string)
	for _, c := range e.Checks {
		found[c.Check] = [3]string{c.Status, c.Detail, c.Advice}
		require.Equal(t, c.Status == "ok", c.Advice == "", "there must be advice unless the status is ok: %v", c)
	}
	return found
}

// shared are the checks of resources that the tests of other packages also use. They may report a warning.
var shared = map[string]bool{"queue": true, "connections": true, "clock": true}

// problems returns the checks that are not ok.
func problems(found map[string][3]string) map[string][3]string {
	for name, f := range found {
		if f[0] == "ok" || shared[name] && f[0] == "warn" {
			delete(found, name)
		}
	}
	return found
}

func TestDoctorFindsNoProblem(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	pgtest.Exec(t, database, run(t, "schema").stdout)
	for _, driver := range drivers {
		r := run(t, "doctor", "--postgres", database, "--driver", driver)
		require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
		require.Empty(t, r.stderr)
		for line := range strings.Lines(r.stdout) {
			require.Regexp(t, `^(ok    \S|warn  (queue|connections|clock)  |  )`, line)
		}
		for _, want := range []string{`connection  .* as "postgres"`, `server  .*PostgreSQL \d+`,
			`primary  .*may write`, `encoding  .*UTF8`,
			`pooler  .*no pooler`, `notifications  .*came back`, `table  .*socket_io_attachments, with all privileges`,
			`large messages  .*stored, read, and rolled back`, `old attachments  none`, `functions  .*not installed`,
			`queue  .*%`, `connections  .*\d+ of \d+`, `clock  .*the server's clock is`} {
			require.Regexp(t, want, r.stdout)
		}
	}
	require.Zero(t, pgtest.QueryInt(t, database, `SELECT count(*) FROM socket_io_attachments`),
		"no row must be left behind")
}

func TestDoctorFindsNoTable(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	found := problems(doctor(t, 1, "--postgres", database, "--table", "realtime.x"))
	require.Len(t, found, 1, "checks that require the table must be skipped")
	require.Equal(t, "there is no table realtime.x", found["table"][1])
	require.Contains(t, found["table"][2], "backplane schema --table realtime.x | psql")
	require.Zero(t, pgtest.QueryInt(t, database, `SELECT count(*) FROM pg_class WHERE relname = 'x'`),
		"the doctor must not create the table")

	pgtest.Exec(t, database, `CREATE TABLE other (id int)`)
	found = problems(doctor(t, 1, "--postgres", database, "--table", "other", "--driver", "pq"))
	require.Contains(t, found["table"][2], "choose another table")
}

func TestDoctorFindsMissingPrivileges(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	role := "doctor_" + strings.TrimPrefix(path(t, database), "test_")
	pgtest.Exec(t, database, `CREATE ROLE `+role+` LOGIN`)
	t.Cleanup(func() { pgtest.Exec(t, pgtest.URL(t), `DROP ROLE `+role) })
	t.Cleanup(func() { pgtest.Exec(t, database, `DROP OWNED BY `+role) })
	pgtest.Exec(t, database, run(t, "schema").stdout)
	as := pgtest.With(t, database, func(u *url.URL) { u.User = url.User(role) })

	found := problems(doctor(t, 1, "--postgres", as))
	require.Len(t, found, 1)
	require.Contains(t, found["table"][2],
		`GRANT SELECT (id, created_at, payload), INSERT (created_at, payload), DELETE ON "socket_io_attachments" TO "`+role+`"`)
	requireFailure(t, run(t, "emit", "--postgres", as, "a", strings.Repeat("x", 9000)),
		"permission denied for table socket_io_attachments",
		"backplane schema --table socket_io_attachments --role ROLE")

	r := run(t, "schema", "--role", role)
	require.Zero(t, r.code, r.stderr)
	pgtest.Exec(t, database, r.stdout)
	require.Empty(t, problems(doctor(t, 0, "--postgres", as)))
	require.Empty(t, problems(doctor(t, 0, "--postgres", as, "--driver", "pq")))

	pgtest.Exec(t, database, `ALTER ROLE `+role+` SET default_transaction_read_only = on`)
	found = problems(doctor(t, 1, "--postgres", as))
	require.Contains(t, found["primary"][2], "default_transaction_read_only")
}

func path(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	return strings.TrimPrefix(u.Path, "/")
}

func TestDoctorFindsPoolers(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	pgtest.Exec(t, database, run(t, "schema").stdout)
	transactions := pgtest.NewBouncer(t, database, pgtest.PoolTransactions)
	sessions := pgtest.NewBouncer(t, database, pgtest.PoolSessions)

	found := doctor(t, 1, "--postgres", transactions, "--timeout", "2s")
	require.Equal(t, "fail", found["pooler"][0])
	require.Contains(t, found["pooler"][1], "pooler in transaction mode")
	require.Contains(t, found["pooler"][2], "connect the nodes directly")
	found = doctor(t, 1, "--postgres", transactions, "--driver", "pq", "--timeout", "2s")
	require.Equal(t, "fail", found["pooler"][0])

	found = doctor(t, 0, "--postgres", sessions)
	require.Contains(t, found["pooler"][1], "pooler in session mode")
}

func TestDoctorWarnsOfOldAttachments(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	pgtest.Exec(t, database, run(t, "schema").stdout)
	pgtest.Exec(t, database,
		`INSERT INTO socket_io_attachments (created_at, payload) VALUES (now() - interval '1 day', 'x')`)
	found := problems(doctor(t, 0, "--postgres", database))
	require.Len(t, found, 1)
	require.Equal(t, [3]string{"warn", "rows older than 10 minutes: 1; no node removes them",
		"start a node that uses this table: it removes expired attachments"}, found["old attachments"])

	r := run(t, "schema", "--functions")
	pgtest.Exec(t, database, r.stdout)
	require.Equal(t, "version 4 is installed", doctor(t, 0, "--postgres", database)["functions"][1])
}

func TestDoctorFindsTheSessionThatHasLockedTheTable(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	pgtest.Exec(t, database, run(t, "schema").stdout)
	db, err := sql.Open("pgx", database)
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.Begin()
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.Exec("SET LOCAL application_name = 'somebody'")
	require.NoError(t, err)
	_, err = tx.Exec("LOCK TABLE socket_io_attachments IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	for _, driver := range []string{"pgx", "pq"} {
		found := problems(doctor(t, 1, "--postgres", database, "--driver", driver, "--timeout", "2s"))
		require.Len(t, found, 2)
		require.Equal(t, "fail", found["large messages"][0])
		require.Regexp(t, `does not answer: process \d+ \(somebody\) has locked it`, found["large messages"][1])
		require.Contains(t, found["large messages"][2], "SELECT pg_terminate_backend(")
		require.Equal(t, "warn", found["old attachments"][0])
	}
}

func TestDoctorFindsNoServer(t *testing.T) {
	t.Parallel()
	dead := closedPort(t)
	for _, driver := range drivers {
		found := doctor(t, 1, "--postgres", "postgres://u:secret@"+dead+"/x?sslmode=disable", "--driver", driver)
		require.Len(t, found, 1)
		require.Contains(t, found["connection"][1], "connection refused: check that the server runs")
	}
	database := pgtest.Database(t)
	missing := pgtest.With(t, database, func(u *url.URL) { u.Path = "/missing" })
	r := run(t, "doctor", "--postgres", missing)
	requireFailure(t, r, "1 check failed")
	require.Contains(t, r.stdout, `fail  connection       127.0.0.1`)
	require.Contains(t, r.stdout,
		`database "missing" does not exist (SQLSTATE 3D000): check the user, password and database in the URL`)
}
