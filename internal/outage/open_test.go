package outage_test

import (
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// refused opens a cluster that cannot be opened, and requires an error of this kind that says what to do. The server has time to
// say what is wrong, on a busy machine too.
func refused(t *testing.T, h *handle, want error, remedies ...string) error {
	t.Helper()
	return refusedWithin(t, patience/2, h, want, remedies...)
}

func refusedWithin(t *testing.T, timeout time.Duration, h *handle, want error, remedies ...string) error {
	t.Helper()
	ctx := within(t)
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: h.bus, PublishTimeout: timeout})
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "Open is bounded by PublishTimeout")
	require.Nil(t, cluster)
	require.ErrorIs(t, err, want)
	var op *backplane.OpError
	require.ErrorAs(t, err, &op, "the error tells what failed")
	for _, remedy := range remedies {
		require.Contains(t, err.Error(), remedy, "the error says what to do")
	}
	return err
}

// refusedSetup is refused because of the table, or on the way to it.
func refusedSetup(t *testing.T, h *handle, want error, remedies ...string) {
	t.Helper()
	requireSetup(t, refused(t, h, want, remedies...))
}

func requireSetup(t *testing.T, err error) {
	t.Helper()
	var setup *postgres.SetupError
	require.ErrorAs(t, err, &setup)
	require.NotEmpty(t, setup.Hint)
}

// elsewhere returns a URL whose server is at another address.
func elsewhere(tb testing.TB, database, address string) string {
	return pgtest.With(tb, database, func(u *url.URL) { u.Host = address })
}

// silent returns the address of a port that accepts connections and says nothing.
func silent(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestOpenWithoutAServer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		nobody := elsewhere(t, database, "127.0.0.1:1")
		quiet := impatient(t, elsewhere(t, database, silent(t)))
		t.Run("NobodyListens", func(t *testing.T) {
			refusedSetup(t, k.open(t, nobody, nobody, postgres.Config{}), postgres.ErrUnreachable, "check the host and the port")
		})
		t.Run("NobodyListensForTheDriver", func(t *testing.T) {
			refused(t, k.open(t, database, nobody, postgres.Config{}), postgres.ErrUnreachable, "check the host and the port")
		})
		t.Run("NobodyAnswers", func(t *testing.T) {
			requireSetup(t, refusedWithin(t, beat, k.open(t, quiet, quiet, postgres.Config{}), postgres.ErrUnreachable, "check the host and the port"))
		})
		t.Run("NobodyAnswersTheDriver", func(t *testing.T) {
			refusedWithin(t, 2*beat, k.open(t, database, quiet, postgres.Config{}), postgres.ErrUnreachable, "check the host and the port")
		})
		t.Run("NoDatabase", func(t *testing.T) {
			missing := pgtest.With(t, database, func(u *url.URL) { u.Path += "_missing" })
			refusedSetup(t, k.open(t, missing, missing, postgres.Config{}), postgres.ErrUnreachable, "create the database")
			refused(t, k.open(t, database, missing, postgres.Config{}), postgres.ErrUnreachable, "create the database")
		})
		t.Run("NoRole", func(t *testing.T) {
			stranger := pgtest.With(t, database, func(u *url.URL) { u.User = url.User("stranger") })
			refusedSetup(t, k.open(t, stranger, stranger, postgres.Config{}), postgres.ErrUnreachable, "check the user")
			refused(t, k.open(t, database, stranger, postgres.Config{}), postgres.ErrUnreachable, "check the user")
		})
	})
}

func TestOpenWithoutATable(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		schema, err := postgres.Schema(postgres.DefaultTable)
		require.NoError(t, err)
		refusedSetup(t, k.open(t, database, database, postgres.Config{NoAutoCreate: true}), postgres.ErrNoTable, schema)
		refusedSetup(t, k.open(t, database, database, postgres.Config{Table: "nowhere.t"}), postgres.ErrNoTable, "create the schema")
		pgtest.Exec(t, database, `CREATE TABLE other (id bigserial, body bytea)`)
		refusedSetup(t, k.open(t, database, database, postgres.Config{Table: "other"}), postgres.ErrBadTable, "choose another table")
		pgtest.Exec(t, database, schema)
		node := start(t, k.open(t, database, database, postgres.Config{NoAutoCreate: true}))
		flows(t, node)
	})
}

// TestLockedDownRole gives a role exactly the documented privileges.
func TestLockedDownRole(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		u, err := url.Parse(database)
		require.NoError(t, err)
		name := strings.TrimPrefix(u.Path, "/")
		role := `role "of" ` + name
		quoted, err := postgres.QuoteTable(role)
		require.NoError(t, err)
		pgtest.Exec(t, database, `REVOKE ALL ON DATABASE "`+name+`" FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE ROLE `+quoted+
			` LOGIN; GRANT CONNECT ON DATABASE "`+name+`" TO `+quoted+`; GRANT USAGE ON SCHEMA public TO `+quoted)
		t.Cleanup(func() { pgtest.Exec(t, database, `DROP OWNED BY `+quoted+`; DROP ROLE `+quoted) })
		as := pgtest.With(t, database, func(u *url.URL) { u.User = url.User(role) })

		refusedSetup(t, k.open(t, as, as, postgres.Config{}), postgres.ErrPrivilege, "CREATE TABLE IF NOT EXISTS", "GRANT SELECT")
		schema, err := postgres.Schema(postgres.DefaultTable)
		require.NoError(t, err)
		pgtest.Exec(t, database, schema)
		for _, noAutoCreate := range []bool{true, false} {
			refusedSetup(t, k.open(t, as, as, postgres.Config{NoAutoCreate: noAutoCreate}), postgres.ErrPrivilege, "missing: ", "GRANT SELECT")
		}
		grants, err := postgres.Grants(postgres.DefaultTable, role)
		require.NoError(t, err)
		pgtest.Exec(t, database, grants)
		var nodes []*node
		for _, noAutoCreate := range []bool{true, false} {
			nodes = append(nodes, start(t, k.open(t, as, as, postgres.Config{NoAutoCreate: noAutoCreate}), func(c *backplane.Config) {
				c.CleanupInterval, c.AttachmentAge = beat/5, 3*beat
			}))
		}
		known(t, nodes...)
		flows(t, nodes...)
		until(t, func() bool { return pgtest.QueryInt(t, database, "SELECT count(*) FROM "+postgres.DefaultTable) == 0 },
			"attachments are removed")
		for _, n := range nodes {
			require.Zero(t, n.errors.mark(), "nothing that the role may not do was tried")
		}
	})
}
