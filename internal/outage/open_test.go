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

// requireOpenFails opens a cluster that cannot be opened, and requires an error of the given kind that says
// what to do. The timeout gives the server time to report the problem, even on a busy machine.
func requireOpenFails(t *testing.T, h *driver, want error, hints ...string) error {
	t.Helper()
	return requireOpenFailsWithin(t, 15*time.Second, h, want, hints...)
}

func requireOpenFailsWithin(t *testing.T, timeout time.Duration, h *driver, want error, hints ...string) error {
	t.Helper()
	ctx := within(t)
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: h.bus, PublishTimeout: timeout})
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "PublishTimeout must limit Open")
	require.Nil(t, cluster)
	require.ErrorIs(t, err, want)
	var op *backplane.OpError
	require.ErrorAs(t, err, &op, "the error must say what failed")
	for _, hint := range hints {
		require.Contains(t, err.Error(), hint, "the error must say what to do")
	}
	return err
}

// requireSetupFails is requireOpenFails for a problem with the table, or on the way to it.
func requireSetupFails(t *testing.T, h *driver, want error, hints ...string) {
	t.Helper()
	requireSetupError(t, requireOpenFails(t, h, want, hints...))
}

func requireSetupError(t *testing.T, err error) {
	t.Helper()
	var setup *postgres.SetupError
	require.ErrorAs(t, err, &setup)
	require.NotEmpty(t, setup.Hint)
}

// withHost returns the URL with another address.
func withHost(tb testing.TB, database, address string) string {
	return pgtest.With(tb, database, func(u *url.URL) { u.Host = address })
}

// silentAddress returns the address of a port that accepts connections and sends nothing.
func silentAddress(tb testing.TB) string {
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
		unreachable := withHost(t, database, "127.0.0.1:1")
		quiet := withConnectTimeout(t, withHost(t, database, silentAddress(t)))
		t.Run("NoServer", func(t *testing.T) {
			requireSetupFails(t, k.openAt(t, unreachable), postgres.ErrUnreachable, "check the host and the port")
		})
		t.Run("NoServerForTheDriver", func(t *testing.T) {
			requireOpenFails(t, k.open(t, database, unreachable, postgres.Config{}), postgres.ErrUnreachable,
				"check the host and the port")
		})
		t.Run("SilentServer", func(t *testing.T) {
			requireSetupError(t,
				requireOpenFailsWithin(t, heartbeat, k.openAt(t, quiet), postgres.ErrUnreachable,
					"check the host and the port"))
		})
		t.Run("SilentServerForTheDriver", func(t *testing.T) {
			requireOpenFailsWithin(t, 2*heartbeat, k.open(t, database, quiet, postgres.Config{}),
				postgres.ErrUnreachable, "check the host and the port")
		})
		t.Run("NoDatabase", func(t *testing.T) {
			missing := pgtest.With(t, database, func(u *url.URL) { u.Path += "_missing" })
			requireSetupFails(t, k.openAt(t, missing), postgres.ErrUnreachable, "create the database")
			requireOpenFails(t, k.open(t, database, missing, postgres.Config{}), postgres.ErrUnreachable,
				"create the database")
		})
		t.Run("NoRole", func(t *testing.T) {
			missingRole := pgtest.With(t, database, func(u *url.URL) { u.User = url.User("missing") })
			requireSetupFails(t, k.openAt(t, missingRole), postgres.ErrUnreachable, "check the user")
			requireOpenFails(t, k.open(t, database, missingRole, postgres.Config{}), postgres.ErrUnreachable,
				"check the user")
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
		requireSetupFails(t, k.open(t, database, database, postgres.Config{NoAutoCreate: true}), postgres.ErrNoTable,
			schema)
		requireSetupFails(t, k.open(t, database, database, postgres.Config{Table: "nowhere.t"}), postgres.ErrNoTable,
			"create the schema")
		pgtest.Exec(t, database, `CREATE TABLE other (id bigserial, body bytea)`)
		requireSetupFails(t, k.open(t, database, database, postgres.Config{Table: "other"}), postgres.ErrBadTable,
			"choose another table")
		pgtest.Exec(t, database, schema)
		node := startNode(t, k.open(t, database, database, postgres.Config{NoAutoCreate: true}))
		requireDelivery(t, node)
	})
}

// TestDocumentedPrivilegesAreEnough gives a role exactly the documented privileges.
func TestDocumentedPrivilegesAreEnough(t *testing.T) {
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
		pgtest.Exec(t, database,
			`REVOKE ALL ON DATABASE "`+name+`" FROM PUBLIC; `+
				`REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE ROLE `+quoted+
				` LOGIN; GRANT CONNECT ON DATABASE "`+name+`" TO `+quoted+`; GRANT USAGE ON SCHEMA public TO `+quoted)
		t.Cleanup(func() { pgtest.Exec(t, database, `DROP OWNED BY `+quoted+`; DROP ROLE `+quoted) })
		as := pgtest.With(t, database, func(u *url.URL) { u.User = url.User(role) })

		requireSetupFails(t, k.openAt(t, as), postgres.ErrPrivilege, "CREATE TABLE IF NOT EXISTS", "GRANT SELECT")
		schema, err := postgres.Schema(postgres.DefaultTable)
		require.NoError(t, err)
		pgtest.Exec(t, database, schema)
		for _, noAutoCreate := range []bool{true, false} {
			requireSetupFails(t, k.open(t, as, as, postgres.Config{NoAutoCreate: noAutoCreate}), postgres.ErrPrivilege,
				"missing: ", "GRANT SELECT")
		}
		grants, err := postgres.Grants(postgres.DefaultTable, role)
		require.NoError(t, err)
		pgtest.Exec(t, database, grants)
		var nodes []*node
		for _, noAutoCreate := range []bool{true, false} {
			nodes = append(nodes,
				startNode(t, k.open(t, as, as, postgres.Config{NoAutoCreate: noAutoCreate}), func(c *backplane.Config) {
					c.CleanupInterval, c.AttachmentAge = heartbeat/5, 3*heartbeat
				}))
		}
		waitForPeers(t, nodes...)
		requireDelivery(t, nodes...)
		eventually(t, func() bool {
			return pgtest.QueryInt(t, database,
				"SELECT count(*) FROM "+postgres.DefaultTable) == 0
		},
			"attachments must be removed")
		for _, n := range nodes {
			require.Zero(t, n.errors.mark(), "the node must not try anything that the role may not do")
		}
	})
}
