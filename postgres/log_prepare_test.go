package postgres_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// openDriver returns a driver whose log is not prepared.
func openDriver(tb testing.TB, k kind, database string, config postgres.Config) logDriver {
	tb.Helper()
	d, _ := k.open(tb, database, database, config)
	tb.Cleanup(func() { _ = d.Close(within(tb)) })
	return d.(logDriver)
}

func TestLogIsNotCreatedIfThatIsForbidden(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := openDriver(t, k, database, postgres.Config{NoAutoCreate: true})
		requireSetupError(t, d.PrepareLog(within(t)), postgres.ErrNoTable, "LogSchema")
		require.Error(t, d.Append(within(t), kept("a", "1")))
		_, err := d.Bounds(within(t), "a")
		require.Error(t, err)

		schema := mustSQL(t)(postgres.LogSchema(""))
		for range 2 {
			pgtest.Exec(t, database, schema)
		}
		require.NoError(t, d.PrepareLog(within(t)))
		require.NoError(t, d.Append(within(t), kept("a", "1")))

		pgtest.Exec(t, database, "DROP TABLE backplane_log_3")
		requireSetupError(t, d.PrepareLog(within(t)), postgres.ErrBadTable, "backplane_log_3")
		pgtest.Exec(t, database, schema+"DELETE FROM backplane_log")
		requireSetupError(t, d.PrepareLog(within(t)), postgres.ErrNoTable, "LogSchema")
		err = d.Append(within(t), kept("a", "2"))
		var rejected *transport.RejectedError
		require.ErrorAs(t, err, &rejected, "nothing was sent")
		_, err = d.Bounds(within(t), "a")
		requireSetupError(t, err, postgres.ErrNoTable, "LogSchema")
		pgtest.Exec(t, database, schema)
		require.NoError(t, d.Append(within(t), kept("a", "3")))

		pgtest.Exec(t, database, mustSQL(t)(postgres.DropLog(""))+mustSQL(t)(postgres.DropLog("")))
		require.Zero(t, pgtest.QueryInt(t, database, "SELECT count(*) FROM pg_class WHERE relname LIKE 'backplane%'")+
			pgtest.QueryInt(t, database, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'backplane%'"))
	})
}

func TestLogVersions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		version := func() int { return pgtest.QueryInt(t, database, mustSQL(t)(postgres.LogVersionQuery(""))) }
		require.Zero(t, version())
		d := newLog(t, k, database, postgres.Config{})
		require.Equal(t, postgres.LogVersion, version())
		require.NoError(t, d.Append(within(t), kept("a", "1")))
		install := func(version int) {
			pgtest.Exec(t, database, fmt.Sprintf("CREATE OR REPLACE FUNCTION backplane_log_version() RETURNS integer "+
				"LANGUAGE sql AS 'SELECT %d'", version))
		}
		install(0)
		forbidden := openDriver(t, k, database, postgres.Config{NoAutoCreate: true})
		requireSetupError(t, forbidden.PrepareLog(within(t)), postgres.ErrBadTable, "LogSchema")
		require.NoError(t, d.PrepareLog(within(t)), "upgrades")
		require.Equal(t, postgres.LogVersion, version())
		all, err := d.Replay(within(t), "a", start(t, d, "a"), transport.ReadLimit{})
		require.NoError(t, err)
		require.Len(t, all, 1, "the upgrade keeps the messages")
		install(1000)
		requireSetupError(t, d.PrepareLog(within(t)), postgres.ErrLogVersion, "version 1000")
		failsWith(t, connect(t, database, ""), "P0001", mustSQL(t)(postgres.LogSchema("")))
	})
}

// A role with nothing but the grants can do everything, and PrepareLog names each privilege that is missing.
func TestLogGrantsAreEnough(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		role := "log " + k.name + " " + strings.TrimPrefix(mustURL(t, database).Path, "/test_")
		quoted := `"` + role + `"`
		pgtest.Exec(t, database, "CREATE ROLE "+quoted+" LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC; "+
			mustSQL(t)(postgres.LogSchema("")))
		t.Cleanup(func() { pgtest.Exec(t, database, "DROP OWNED BY "+quoted+"; DROP ROLE "+quoted) })
		own := pgtest.With(t, database, func(u *url.URL) { u.User = url.User(role) })
		d := openDriver(t, k, own, postgres.Config{})
		require.Error(t, d.PrepareLog(within(t)))
		pgtest.Exec(t, database, mustSQL(t)(postgres.LogGrants("", role)))
		require.NoError(t, d.PrepareLog(within(t)))
		for _, privilege := range []string{
			"TRUNCATE ON backplane_log_5", "INSERT ON backplane_log_0", "UPDATE ON backplane_log",
			"EXECUTE ON FUNCTION backplane_log_trim(interval, bigint)", "DELETE ON backplane_log_outbox",
		} {
			pgtest.Exec(t, database, "REVOKE "+privilege+" FROM "+quoted)
			err := d.PrepareLog(within(t))
			requireSetupError(t, err, postgres.ErrPrivilege, "GRANT")
			require.ErrorContains(t, err, strings.Fields(privilege)[0])
			pgtest.Exec(t, database, mustSQL(t)(postgres.LogGrants("", role)))
		}
		s := openLog(t, d, "a")
		for i := range 12 {
			require.NoError(t, d.Append(within(t), kept("a", fmt.Sprint(i))))
			require.Equal(t, uint64(i+1), receive(t, s, 1)[0].Offset.Major)
			require.NoError(t, d.TrimLog(within(t), transport.Retention{MaxBytes: 1}))
		}
		_, err := d.InspectLog(within(t), "")
		require.NoError(t, err)
		pgtest.Exec(t, database, "TRUNCATE backplane_log_heads")
		require.NoError(t, d.Append(within(t), kept("a", "a new epoch")))
		require.Equal(t, uint64(1), receive(t, s, 1)[0].Offset.Major)
	})
}

func mustURL(tb testing.TB, text string) *url.URL {
	u, err := url.Parse(text)
	require.NoError(tb, err)
	return u
}

func TestLogIsNotTrustedIfAnotherRoleOwnsIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newLog(t, k, database, postgres.Config{})
		role := `"owner ` + k.name + strings.TrimPrefix(mustURL(t, database).Path, "/test_") + `"`
		pgtest.Exec(t, database, "CREATE ROLE "+role)
		t.Cleanup(func() { pgtest.Exec(t, database, "DROP OWNED BY "+role+" CASCADE; DROP ROLE "+role) })
		for _, change := range [][2]string{
			{"ALTER TABLE backplane_log_2 OWNER TO " + role, "ALTER TABLE backplane_log_2 OWNER TO postgres"},
			{"ALTER FUNCTION backplane_log_renew() OWNER TO " + role,
				"ALTER FUNCTION backplane_log_renew() OWNER TO postgres"},
			{"CREATE TRIGGER z BEFORE INSERT ON backplane_log_1 EXECUTE FUNCTION suppress_redundant_updates_trigger()",
				"DROP TRIGGER z ON backplane_log_1"},
		} {
			pgtest.Exec(t, database, change[0])
			requireSetupError(t, d.PrepareLog(within(t)), postgres.ErrUntrustedTable, "TableOwner")
			pgtest.Exec(t, database, change[1])
			require.NoError(t, d.PrepareLog(within(t)))
		}
	})
}

func TestLogWithHostileNames(t *testing.T) {
	t.Parallel()
	for i, names := range hostileNames {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, k kind) {
				database := pgtest.Database(t)
				pgtest.Exec(t, database, `CREATE SCHEMA "`+strings.ReplaceAll(names.schema, `"`, `""`)+`"`)
				d := newLog(t, k, database, postgres.Config{LogTable: names.schema + "." + names.table})
				pgtest.Exec(t, database, "SET standard_conforming_strings = off; "+
					mustSQL(t)(postgres.LogSchema(names.schema+"."+names.table)))
				require.NoError(t, d.PrepareLog(within(t)))
				s := openLog(t, d, names.prefix)
				other := newLog(t, k, database, postgres.Config{})
				require.NoError(t, other.Append(within(t), kept("other", "another log of the same database")))
				for j := range 10 {
					records := kept(names.prefix, fmt.Sprint(j))
					require.NoError(t, d.Append(within(t), records))
					requireRecords(t, records, receive(t, s, 1))
					require.NoError(t, d.TrimLog(within(t), transport.Retention{MaxBytes: 1}))
				}
				info, err := d.InspectLog(within(t), names.prefix)
				require.NoError(t, err)
				require.Len(t, info.Channels, 1)
				require.Equal(t, uint64(10), info.Channels[0].Bounds.Newest.Major)
			})
		})
	}
	for _, table := range []string{"a.b.c", strings.Repeat("x", postgres.MaxLogTable+1), "a\x00", ".", "s."} {
		var name *postgres.NameError
		_, err := postgres.LogSchema(table)
		require.ErrorAs(t, err, &name)
		_, err = postgres.LogGrants(table, "r")
		require.ErrorAs(t, err, &name)
		d := openDriver(t, kinds[0], pgtest.URL(t), postgres.Config{LogTable: table})
		require.ErrorAs(t, d.PrepareLog(within(t)), &name)
		require.ErrorAs(t, d.Append(within(t), kept("a", "1")), &name)
		_, err = d.OpenLog(within(t))
		require.ErrorAs(t, err, &name)
	}
}
