package postgres_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// lockedDown makes a role that may do nothing but connect, and returns the database's URL for it.
func lockedDown(tb testing.TB, database string) (role, asRole string) {
	tb.Helper()
	u, err := url.Parse(database)
	require.NoError(tb, err)
	role = "role of " + strings.TrimPrefix(u.Path, "/")
	pgtest.Exec(tb, database, `REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE "`+role+`" LOGIN`)
	tb.Cleanup(func() { pgtest.Exec(tb, database, `DROP OWNED BY "`+role+`"; DROP ROLE "`+role+`"`) })
	return role, pgtest.With(tb, database, func(u *url.URL) { u.User = url.User(role) })
}

func prepared(tb testing.TB, k kind, database string, config postgres.Config) error {
	tb.Helper()
	d, _ := k.open(tb, database, database, config)
	return d.Prepare(within(tb))
}

// requireSetupError requires a reason, and a hint that names what to do.
func requireSetupError(tb testing.TB, err, reason error, hints ...string) *postgres.SetupError {
	tb.Helper()
	var setup *postgres.SetupError
	require.ErrorAs(tb, err, &setup)
	require.ErrorIs(tb, err, reason)
	for _, hint := range hints {
		require.Contains(tb, setup.Hint, hint)
	}
	return setup
}

func TestPrepareManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		var preparing sync.WaitGroup
		for range 20 {
			preparing.Go(func() {
				if err := d.Prepare(within(t)); err != nil {
					t.Errorf("Prepare: %v", err)
				}
			})
		}
		preparing.Wait()
		_, err := d.Put(within(t), nil)
		require.NoError(t, err)
	})
}

func TestPrepareWithoutAutoCreate(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		config := postgres.Config{Table: "attachments", NoAutoCreate: true}
		schema, err := postgres.Schema("attachments")
		require.NoError(t, err)
		setup := requireSetupError(t, prepared(t, k, database, config), postgres.ErrNoTable, schema)
		require.Equal(t, "attachments", setup.Table)
		pgtest.Exec(t, database, schema)
		require.NoError(t, prepared(t, k, database, config))
		pgtest.Exec(t, database, schema) // may be run again
	})
}

func TestPrepareAsALockedDownRole(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		role, asRole := lockedDown(t, database)
		schema, err := postgres.Schema("attachments")
		require.NoError(t, err)
		config := postgres.Config{Table: "attachments"}

		requireSetupError(t, prepared(t, k, asRole, config), postgres.ErrPrivilege, schema, "GRANT ", `TO "`+role+`"`)
		pgtest.Exec(t, database, schema)
		setup := requireSetupError(t, prepared(t, k, asRole, config), postgres.ErrPrivilege,
			"SELECT (payload)", "INSERT (payload)", "DELETE", "USAGE on sequence attachments_id_seq", "GRANT ")
		require.Equal(t, "inspect", setup.Op)
		for _, grant := range []struct{ sql, left string }{
			{"SELECT", "DELETE"},
			{"DELETE", "INSERT (payload)"},
			{"INSERT (payload)", "USAGE on sequence"},
		} {
			pgtest.Exec(t, database, `GRANT `+grant.sql+` ON attachments TO "`+role+`"`)
			requireSetupError(t, prepared(t, k, asRole, config), postgres.ErrPrivilege, "missing: ", grant.left)
		}
	})
}

func TestGrantsAreEnough(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		role, asRole := lockedDown(t, database)
		pgtest.Exec(t, database, `CREATE SCHEMA "Own"`)
		for _, table := range []string{
			"attachments", `a"b`, "Own.attachments", strings.Repeat("t", 63), strings.Repeat("ü", 31), strings.Repeat("🚀", 15),
		} {
			schema, err := postgres.Schema(table)
			require.NoError(t, err)
			pgtest.Exec(t, database, schema)
			grants, err := postgres.Grants(table, role)
			require.NoError(t, err)
			pgtest.Exec(t, database, grants)

			d, _ := k.open(t, asRole, asRole, postgres.Config{Table: table})
			t.Cleanup(func() { _ = d.Close(within(t)) })
			require.NoErrorf(t, d.Prepare(within(t)), "table %q", table)
			id, err := d.Put(within(t), []byte("body"))
			require.NoError(t, err)
			_, err = d.Get(within(t), id)
			require.NoError(t, err)
			require.NoError(t, d.Expire(within(t), 0))
			expect(t, d, listen(t, d, "a"), "a")
		}
	})
}

func TestPrepareFindsWhatIsWrong(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		readOnly := pgtest.With(t, database, func(u *url.URL) {
			query := u.Query()
			query.Set("default_transaction_read_only", "on")
			u.RawQuery = query.Encode()
		})
		missingDatabase := pgtest.With(t, database, func(u *url.URL) { u.Path += "_missing" })
		for _, c := range []struct {
			name, database, table, sql string
			reason                     error
			hint                       string
		}{
			{"AServerThatOnlyReads", readOnly, "t", "", postgres.ErrReadOnly, "primary"},
			{"AMissingSchema", database, "nowhere.t", "", postgres.ErrNoTable, "create the schema"},
			{"AMissingDatabase", missingDatabase, "t", "", postgres.ErrUnreachable, ""},
			{"OtherColumns", database, "other", "CREATE TABLE other (id bigserial, body bytea)", postgres.ErrBadTable, "created_at timestamptz, payload bytea"},
			{"OtherTypes", database, "typed", "CREATE TABLE typed (id uuid, created_at timestamptz, payload text)", postgres.ErrBadTable, "id bigint, payload bytea"},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.sql != "" {
					pgtest.Exec(t, database, c.sql)
				}
				requireSetupError(t, prepared(t, k, c.database, postgres.Config{Table: c.table}), c.reason, c.hint)
			})
		}
		role, asRole := lockedDown(t, database)
		pgtest.Exec(t, database, `CREATE SCHEMA hidden; CREATE TABLE hidden.t (); GRANT SELECT ON hidden.t TO "`+role+`"`)
		requireSetupError(t, prepared(t, k, asRole, postgres.Config{Table: "hidden.t"}), postgres.ErrPrivilege, `GRANT USAGE ON SCHEMA "hidden" TO "`+role+`"`)
	})
}

func TestPrepareAcceptsTablesMadeOtherwise(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		pgtest.Exec(t, database, `CREATE TABLE identity (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, created_at timestamp DEFAULT now(), payload bytea, more text);
			CREATE VIEW view AS SELECT * FROM identity`)
		role, asRole := lockedDown(t, database)
		pgtest.Exec(t, database, `GRANT SELECT, INSERT, DELETE ON identity, view TO "`+role+`"`)
		for _, table := range []string{"identity", "view"} {
			d, _ := k.open(t, asRole, asRole, postgres.Config{Table: table})
			require.NoError(t, d.Prepare(within(t)))
			_, err := d.Put(within(t), nil)
			require.NoError(t, err)
		}
	})
}
