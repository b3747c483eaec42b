package postgres_test

import (
	"context"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/internal/engine"
	"github.com/backplane-go/backplane/transport"
)

// set sets a time as a setting of the database, with which every session starts.
func set(t *testing.T, database, setting string, value time.Duration) {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	pgtest.Exec(t, database, "ALTER DATABASE "+u.Path[1:]+" SET "+setting+" = "+strconv.Itoa(int(value.Milliseconds())))
}

// TestIdleTimeoutsOfTheDatabaseDoNotEndConnections: these timeouts are meant for other clients.
func TestIdleTimeoutsOfTheDatabaseDoNotEndConnections(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		if pgtest.QueryInt(t, database, "SELECT current_setting('server_version_num')::int") < 140000 {
			t.Skip("needs PostgreSQL 14")
		}
		const limit = time.Second
		set(t, database, "idle_session_timeout", limit)
		set(t, database, "idle_in_transaction_session_timeout", limit)
		d := newDriver(t, k, database)
		require.NoError(t, d.Prepare(within(t)))
		s := listen(t, d, "a")
		expect(t, d, s, "a")
		e := enter(t, d, "backplane entry")
		_, err := d.Put(within(t), []byte("body"))
		require.NoError(t, err)
		own := func() []int {
			var pids []int
			for _, name := range []string{"listen", "publish", "store", "entry"} {
				pids = append(pids, pgtest.QueryInt(t, database,
					"SELECT coalesce(max(pid), 0) FROM pg_stat_activity "+
						"WHERE datname = current_database() AND application_name = 'backplane "+name+"'"))
			}
			return pids
		}
		before := own()
		quiet, cancel := context.WithTimeout(context.Background(), 3*limit)
		defer cancel()
		_, err = s.Receive(quiet)
		require.ErrorIs(t, err, context.DeadlineExceeded, "the session must continue")
		require.Equal(t, before, own(), "all connections of the driver must still be the same")
		expect(t, d, s, "a")
		require.Equal(t, []transport.EntryInfo{e.Info()}, entries(t, d, "backplane entry"))
	})
}

// TestQueryTimeoutsDoNotFailMessages: a message that has to wait for other commits waits as long as its own
// deadline allows.
func TestQueryTimeoutsDoNotFailMessages(t *testing.T) {
	server := pgtest.OwnServer(t)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			database := pgtest.DatabaseOn(t, server.URL())
			const limit = time.Second
			set(t, database, "statement_timeout", limit)
			set(t, database, "lock_timeout", limit)
			d := newDriver(t, k, database)
			s := listen(t, d, "a")
			expect(t, d, s, "a")
			release := holdNotifications(t, database)
			published := make(chan error)
			go func() { published <- d.Publish(within(t), messages("a", "1")...) }()
			const waiting = "wait_event_type = 'Lock' AND now() - query_start > interval '1500 ms' " +
				"AND application_name = 'backplane publish'"
			require.Eventually(t, func() bool {
				return pgtest.Backends(t, database, waiting) == 1
			}, patience, 10*time.Millisecond)
			release()
			require.NoError(t, <-published)
			expect(t, d, s, "a", "1")
		})
	}
}

func TestSettingsOfEachConnection(t *testing.T) {
	database := pgtest.Database(t)
	version := pgtest.QueryInt(t, database, "SELECT current_setting('server_version_num')::int")
	var limits = []string{"statement_timeout", "lock_timeout"}
	for _, setting := range append(limits, "idle_session_timeout", "idle_in_transaction_session_timeout") {
		if version >= 140000 || setting != "idle_session_timeout" {
			set(t, database, setting, time.Minute)
		}
	}
	for name, c := range map[string]struct {
		statement string
		want      map[string]string
	}{
		"Listening": {engine.ListenSettings,
			map[string]string{"statement_timeout": "0", "lock_timeout": "0", "tcp_user_timeout": "60000"}},
		"Publishing": {engine.PublishSettings,
			map[string]string{"statement_timeout": "0", "lock_timeout": "0", "tcp_user_timeout": "0"}},
		"Storing": {engine.StoreSettings,
			map[string]string{"statement_timeout": "1min", "lock_timeout": "1min", "tcp_user_timeout": "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := pgx.Connect(within(t), database)
			require.NoError(t, err)
			defer func() { _ = conn.Close(context.Background()) }()
			_, err = conn.Exec(within(t), c.statement)
			require.NoError(t, err)
			c.want["idle_in_transaction_session_timeout"] = "0"
			if version >= 140000 {
				c.want["idle_session_timeout"] = "0"
			}
			c.want["tcp_keepalives_idle"] = "15"
			c.want["tcp_keepalives_interval"] = "5"
			c.want["tcp_keepalives_count"] = "3"
			for setting, want := range c.want {
				var got string
				require.NoError(t, conn.QueryRow(within(t), "SHOW "+setting).Scan(&got))
				require.Equal(t, want, got, setting)
			}
		})
	}
}

// TestUnknownSettingsAreSkipped: an older server does not know the settings of a newer one, and works as if
// they had not been requested.
func TestUnknownSettingsAreSkipped(t *testing.T) {
	conn, err := pgx.Connect(within(t), pgtest.Database(t))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	set := engine.SetStatement([]string{"no_such_timeout", "0"}, []string{"lock_timeout", "1234"})
	_, err = conn.Exec(within(t), "BEGIN; "+set+"; COMMIT")
	require.NoError(t, err)
	var got string
	require.NoError(t, conn.QueryRow(within(t), "SHOW lock_timeout").Scan(&got))
	require.Equal(t, "1234ms", got)
}

// TestDriverWorksWithoutThePrivilegeToChangeSettings: the settings are optional.
func TestDriverWorksWithoutThePrivilegeToChangeSettings(t *testing.T) {
	server := pgtest.OwnServer(t)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			database := pgtest.DatabaseOn(t, server.URL())
			pgtest.Exec(t, database, "DROP ROLE IF EXISTS poor")
			pgtest.Exec(t, database, "CREATE ROLE poor LOGIN")
			pgtest.Exec(t, database, "REVOKE EXECUTE ON FUNCTION set_config(text, text, boolean) FROM PUBLIC")
			d := newDriver(t, k, pgtest.With(t, database, func(u *url.URL) { u.User = url.User("poor") }))
			expect(t, d, listen(t, d, "a"), "a")
			expect(t, d, listen(t, d, "a"), "a")
			e := enter(t, d, "app")
			require.Equal(t, []transport.EntryInfo{e.Info()}, entries(t, d, "app"))
		})
	}
}
