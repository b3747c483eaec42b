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

// lockedDown creates a role that may only connect, and returns the database's URL for it.
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

// requireSetupError requires a reason, and hints that say what to do.
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

func TestConcurrentPrepare(t *testing.T) {
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
		pgtest.Exec(t, database, schema) // must be repeatable
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
			"attachments", `a"b`, "Own.attachments", strings.Repeat("t", 63), strings.Repeat("ü",
				31), strings.Repeat("🚀", 15),
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

func TestPrepareNamesTheProblem(t *testing.T) {
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
			{"ReadOnlyServer", readOnly, "t", "", postgres.ErrReadOnly, "primary"},
			{"MissingSchema", database, "nowhere.t", "", postgres.ErrNoTable, "create the schema"},
			{"MissingDatabase", missingDatabase, "t", "", postgres.ErrUnreachable, ""},
			{"OtherColumns", database, "other", "CREATE TABLE other (id bigserial, body bytea)",
				postgres.ErrBadTable, "created_at timestamptz, payload bytea"},
			{"OtherTypes", database, "typed", "CREATE TABLE typed (id uuid, created_at timestamptz, payload text)",
				postgres.ErrBadTable, "id bigint, payload bytea"},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.sql != "" {
					pgtest.Exec(t, database, c.sql)
				}
				requireSetupError(t, prepared(t, k, c.database, postgres.Config{Table: c.table}), c.reason, c.hint)
			})
		}
		role, asRole := lockedDown(t, database)
		pgtest.Exec(t, database,
			`CREATE SCHEMA hidden; CREATE TABLE hidden.t (); GRANT SELECT ON hidden.t TO "`+role+`"`)
		requireSetupError(t, prepared(t, k, asRole, postgres.Config{Table: "hidden.t"}), postgres.ErrPrivilege,
			`GRANT USAGE ON SCHEMA "hidden" TO "`+role+`"`)
	})
}

func TestPrepareAcceptsOtherSuitableTables(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		pgtest.Exec(t, database, `CREATE TABLE identity (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
				created_at timestamp DEFAULT now(), payload bytea, more text);
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

// roleFor creates a role that may create tables in a database, and returns its quoted name and the database's
// URL for it.
func roleFor(tb testing.TB, database, name string) (role, asRole string) {
	tb.Helper()
	u, err := url.Parse(database)
	require.NoError(tb, err)
	plain := name + " of " + strings.TrimPrefix(u.Path, "/")
	role = `"` + plain + `"`
	pgtest.Exec(tb, database, `CREATE ROLE `+role+` LOGIN; GRANT CREATE, USAGE ON SCHEMA public TO `+role)
	tb.Cleanup(func() { pgtest.Exec(tb, database, `DROP OWNED BY `+role+` CASCADE; DROP ROLE `+role) })
	return role, pgtest.With(tb, database, func(u *url.URL) { u.User = url.User(plain) })
}

// A table is refused if any other role can run code with the privileges of the node's role.
func TestPrepareRefusesUntrustedTables(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		evil, asEvil := roleFor(t, database, "evil")
		app, asApp := roleFor(t, database, "app")
		schema, err := postgres.Schema("t")
		require.NoError(t, err)
		hook := `CREATE FUNCTION hook() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
			CREATE FUNCTION id() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
			CREATE FUNCTION fits(bytea) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; `
		public := `; GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
			GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC`
		trap := `CREATE SCHEMA trap; GRANT ALL ON SCHEMA trap TO PUBLIC;
			CREATE TABLE trap.t (id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea);
			GRANT ALL ON ALL TABLES IN SCHEMA trap TO PUBLIC; GRANT ALL ON ALL SEQUENCES IN SCHEMA trap TO PUBLIC; `
		for _, c := range []struct {
			name, table  string
			sql, evilSQL string // run by the owner of the database, then by the hostile role
			hint         string
		}{
			{"TableOfAnotherRole", "t", ``, schema, "t belongs to the role " + evil},
			{"SchemaOfAnotherRole", "trap.t", trap + `ALTER SCHEMA trap OWNER TO ` + evil, ``,
				"the schema trap belongs to the role " + evil},
			{"Trigger", "t", hook + schema + `; GRANT TRIGGER ON t TO ` + evil,
				`CREATE TRIGGER spy BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION hook()`, "t has the trigger spy"},
			{"DisabledTrigger", "t", hook + schema +
				`; CREATE TRIGGER spy AFTER DELETE ON t EXECUTE FUNCTION hook(); ALTER TABLE t DISABLE TRIGGER spy`, ``,
				"t has the trigger spy"},
			{"Rule", "t", schema + `; CREATE RULE spy AS ON INSERT TO t DO ALSO NOTIFY x`, ``, "t has the rule spy"},
			{"Default", "t", ``, hook + `GRANT EXECUTE ON FUNCTION id() TO PUBLIC`,
				"t calls id(), which belongs to the role " + evil},
			{"Check", "t", ``, hook, "t calls fits(bytea), which belongs to the role " + evil},
			{"Index", "t", ``, hook, "t calls fits(bytea), which belongs to the role " + evil},
			{"Policy", "t", ``, hook, "t calls fits(bytea), which belongs to the role " + evil},
			{"ChildOfAnotherRole", "t", schema + `; ALTER TABLE t OWNER TO ` + evil,
				`CREATE TABLE child () INHERITS (t)`, "child belongs to the role " + evil},
			{"ViewOfATableOfAnotherRole", "v", ``, schema + public, "t belongs to the role " + evil},
			{"SequenceOfAnotherRole", "t", ``, `CREATE SEQUENCE s`, "s belongs to the role " + evil},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Cleanup(func() {
					pgtest.Exec(t, database,
						`DROP TABLE IF EXISTS child, t CASCADE; DROP FUNCTION IF EXISTS hook, id, fits CASCADE;
							DROP SEQUENCE IF EXISTS s CASCADE; DROP SCHEMA IF EXISTS trap CASCADE`)
				})
				if c.sql != "" {
					pgtest.Exec(t, database, c.sql)
				}
				if c.evilSQL != "" {
					pgtest.Exec(t, asEvil, c.evilSQL)
				}
				switch c.name { // statements that only the owner of the database can run
				case "Default":
					pgtest.Exec(t, database, schema+`; ALTER TABLE t ALTER id SET DEFAULT id()`)
				case "Check":
					pgtest.Exec(t, database, schema+`; ALTER TABLE t ADD CHECK (fits(payload))`)
				case "Index":
					pgtest.Exec(t, database, schema+`; CREATE INDEX ON t (fits(payload))`)
				case "Policy":
					pgtest.Exec(t, database, schema+`; CREATE POLICY p ON t USING (fits(payload))`)
				case "ChildOfAnotherRole":
					pgtest.Exec(t, database, `ALTER TABLE t OWNER TO CURRENT_USER`)
				case "ViewOfATableOfAnotherRole":
					pgtest.Exec(t, database, `CREATE VIEW v AS SELECT * FROM t`)
				case "SequenceOfAnotherRole":
					pgtest.Exec(t, database, schema+`; ALTER TABLE t ALTER id SET DEFAULT nextval('s')`)
				}
				pgtest.Exec(t, database, `SELECT 1`+public)
				for name, as := range map[string]string{"superuser": database, "app": asApp} {
					setup := requireSetupError(t, prepared(t, k, as, postgres.Config{Table: c.table}),
						postgres.ErrUntrustedTable, c.hint)
					require.Contains(t, setup.Hint, "TableOwner", name)
				}
			})
		}

		t.Run("TrustedOwners", func(t *testing.T) {
			group, _ := roleFor(t, database, "group")
			owner, _ := roleFor(t, database, "owner")
			pgtest.Exec(t, database, `GRANT `+group+` TO `+app)
			name := strings.Trim(owner, `"`)
			pgtest.Exec(t, database, schema)
			for _, c := range []struct {
				owner  string
				config postgres.Config
			}{
				{app, postgres.Config{}}, {group, postgres.Config{}}, {"CURRENT_USER", postgres.Config{}}, {owner,
					postgres.Config{TableOwner: name}},
			} {
				c.config.Table = "t"
				pgtest.Exec(t, database, `ALTER TABLE t OWNER TO `+c.owner+public)
				require.NoError(t, prepared(t, k, asApp, c.config), "the table belongs to %s", c.owner)
			}
			requireSetupError(t, prepared(t, k, asApp, postgres.Config{Table: "t"}), postgres.ErrUntrustedTable,
				"TableOwner")
			requireSetupError(t, prepared(t, k, database, postgres.Config{Table: "t"}), postgres.ErrUntrustedTable,
				"TableOwner")
			requireSetupError(t, prepared(t, k, asApp, postgres.Config{Table: "t", TableOwner: "another role"}),
				postgres.ErrUntrustedTable)
		})
	})
}
