package postgres_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
)

// withSetting returns the URL of a database with a setting of the server.
func withSetting(tb testing.TB, database, name, value string) string {
	return pgtest.With(tb, database, func(u *url.URL) {
		query := u.Query()
		query.Set(name, value)
		u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	})
}

func sessionsPrepared(tb testing.TB, k kind, database string, config postgres.Config) error {
	tb.Helper()
	d, _ := k.open(tb, database, database, config)
	return d.(storage.Sessions).PrepareSessions(within(tb))
}

func TestNamesOfSessionTablesAreData(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		pgtest.Exec(t, database, `CREATE SCHEMA "my ""Schema"`)
		for _, table := range []string{`a"b`, `UPPER`, `my "Schema.t`, `drop table x; --`, `ünïcode 🚀`, `select`,
			`$1`, `%s %[1]s`, strings.Repeat("t", 63), strings.Repeat("t", 62) + "u", strings.Repeat("ü", 31)} {
			config := postgres.Config{SessionsTable: table}
			require.NoErrorf(t, sessionsPrepared(t, k, database, config), "table %q", table)
			s := newSessions(t, k, database, config)
			require.NoError(t, s.SaveSessions(within(t), session("a", "k", "state")))
			_, err := s.TakeSession(within(t), "app#/", "k", "b", time.Hour)
			require.NoError(t, err)
			quoted, err := postgres.QuoteTable(table)
			require.NoError(t, err)
			require.Equal(t, 3, pgtest.QueryInt(t, database, "SELECT count(*) FROM pg_index WHERE indrelid = '"+
				strings.ReplaceAll(quoted, "'", "''")+"'::regclass"), "table %q has all indexes", table)
		}
		for _, table := range []string{".", "a.b.c", "a\x00b", strings.Repeat("t", 64)} {
			var e *postgres.NameError
			config := postgres.Config{SessionsTable: table}
			require.ErrorAsf(t, sessionsPrepared(t, k, database, config), &e, "table %q", table)
			d, connections := k.open(t, database, database, config)
			require.ErrorAs(t, d.(storage.Sessions).SaveSessions(within(t), session("a", "k", "")), &e)
			require.Zero(t, connections())
		}
	})
}

func TestSessionsTableIsInTheSchemaOfTheAttachments(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		pgtest.Exec(t, database, `CREATE SCHEMA own`)
		require.NoError(t, sessionsPrepared(t, k, database, postgres.Config{Table: "own.attachments"}))
		require.Equal(t, 1, pgtest.QueryInt(t, database, "SELECT count(*) FROM pg_class "+
			"WHERE oid = to_regclass('own.backplane_sessions') AND relpersistence = 'u'"))
	})
}

func TestPrepareSessionsWithoutAutoCreate(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		config := postgres.Config{NoAutoCreate: true}
		schema, err := postgres.SessionsSchema(postgres.DefaultSessionsTable)
		require.NoError(t, err)
		setup := requireSetupError(t, sessionsPrepared(t, k, database, config), postgres.ErrNoTable, schema)
		require.Equal(t, "backplane_sessions", setup.Table)
		pgtest.Exec(t, database, schema)
		require.NoError(t, sessionsPrepared(t, k, database, config))
		pgtest.Exec(t, database, schema) // must be repeatable
	})
}

func TestPrepareSessionsNamesTheProblem(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		role, asRole := lockedDown(t, database)
		schema, err := postgres.SessionsSchema("s")
		require.NoError(t, err)
		grants, err := postgres.SessionsGrants("s", role)
		require.NoError(t, err)
		config := postgres.Config{SessionsTable: "s"}
		requireSetupError(t, sessionsPrepared(t, k, asRole, config), postgres.ErrPrivilege, schema, grants[:20],
			`TO "`+role+`"`)
		pgtest.Exec(t, database, schema)
		requireSetupError(t, sessionsPrepared(t, k, asRole, config), postgres.ErrPrivilege,
			"missing: SELECT, INSERT, UPDATE, DELETE", strings.TrimSpace(grants))
		pgtest.Exec(t, database, grants)
		require.NoError(t, sessionsPrepared(t, k, asRole, config))
		s := newSessions(t, k, asRole, config)
		require.NoError(t, s.SaveSessions(within(t), session("a", "k", "")))
		require.NoError(t, s.AbandonSessions(within(t), "app#/", "a"))
		_, err = s.SessionOwners(within(t), "app#/")
		require.NoError(t, err)
		_, err = s.TakeSession(within(t), "app#/", "k", "b", time.Hour)
		require.NoError(t, err)
		require.NoError(t, s.RemoveSessions(within(t), "app#/", "b", "k"))
		require.NoError(t, s.ExpireSessions(within(t), "app#/", 0))

		requireSetupError(t, sessionsPrepared(t, k, asRole, postgres.Config{SessionsTable: "nowhere.s"}),
			postgres.ErrNoTable, "create the schema")
		readOnly := withSetting(t, database, "default_transaction_read_only", "on")
		requireSetupError(t, sessionsPrepared(t, k, readOnly, config), postgres.ErrReadOnly, "primary")
		for _, bad := range []struct{ sql, hint string }{
			{"CREATE TABLE bad (scope text, key text)", "owner text"},
			{"CREATE TABLE bad (scope text, key text, owner text, since timestamp, taken text, state bytea, " +
				"PRIMARY KEY (scope, key))", "since timestamptz"},
			{"CREATE TABLE bad (scope text, key text PRIMARY KEY, owner text, since timestamptz, taken text, " +
				"state bytea)", "PRIMARY KEY (scope, key)"},
		} {
			pgtest.Exec(t, database, bad.sql)
			requireSetupError(t, sessionsPrepared(t, k, database, postgres.Config{SessionsTable: "bad"}),
				postgres.ErrBadTable, bad.hint)
			pgtest.Exec(t, database, "DROP TABLE bad")
		}
		evil, _ := roleFor(t, database, "evil "+k.name)
		pgtest.Exec(t, database, "ALTER TABLE s OWNER TO "+evil)
		requireSetupError(t, sessionsPrepared(t, k, database, config), postgres.ErrUntrustedTable, "TableOwner")
	})
}

// TestCrashOfTheServerLosesSessionsOnly: the table is empty afterwards, and is used without an error.
func TestCrashOfTheServerLosesSessionsOnly(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		server := pgtest.OwnServer(t, "autovacuum=off")
		s := newSessions(t, k, server.URL(), postgres.Config{})
		require.NoError(t, s.SaveSessions(within(t), session("a", "k", "state")))
		server.Restart(t, pgtest.Immediate)
		_, err := s.TakeSession(within(t), "app#/", "k", "b", time.Hour)
		require.ErrorIs(t, err, storage.ErrNotFound)
		require.NoError(t, s.PrepareSessions(within(t)))
		require.NoError(t, s.SaveSessions(within(t), session("a", "k", "state")))
		require.NoError(t, s.AbandonSessions(within(t), "app#/", "a"))
		server.Restart(t, pgtest.Fast)
		got, err := s.TakeSession(within(t), "app#/", "k", "b", time.Hour)
		require.NoError(t, err, "a shutdown loses no sessions")
		require.Equal(t, "a", got.Owner)

		// calls that find nothing to do write nothing: they need no transaction id
		next := func() int {
			return pgtest.QueryInt(t, server.URL(), "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int")
		}
		before := next()
		for range 10 {
			require.NoError(t, s.ExpireSessions(within(t), "app#/", 0))
			require.NoError(t, s.AbandonSessions(within(t), "app#/", "c"))
			_, err := s.SessionOwners(within(t), "app#/")
			require.NoError(t, err)
		}
		require.Equal(t, before, next())
	})
}
