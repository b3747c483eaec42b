package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// enter adds an entry to the roster of d. It is closed when the test ends.
func enter(tb testing.TB, d driver, name string) transport.Entry {
	tb.Helper()
	e, err := d.(transport.Roster).Enter(within(tb), name)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = e.Close(context.Background()) })
	return e
}

func entries(tb testing.TB, d driver, prefix string) []transport.EntryInfo {
	tb.Helper()
	infos, err := d.(transport.Roster).Entries(within(tb), prefix)
	require.NoError(tb, err)
	return infos
}

// connectAs opens a connection of another program with a name.
func connectAs(tb testing.TB, database, name string) *pgx.Conn {
	tb.Helper()
	config, err := pgx.ParseConfig(database)
	require.NoError(tb, err)
	config.RuntimeParams["application_name"] = name
	conn, err := pgx.ConnectConfig(within(tb), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestRosterShowsEntriesAndOtherPrograms(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d, other := newDriver(t, k, database), newDriver(t, k, database)
		require.Empty(t, entries(t, d, "app"))
		e := enter(t, d, `app's %_\ "name"`)
		require.Equal(t, `app's %_\ "name"`, e.Info().Name)
		require.True(t, e.Info().Marked)
		require.Equal(t, []transport.EntryInfo{e.Info()}, entries(t, other, "app"))
		conn := connectAs(t, database, "app of others")
		infos := entries(t, d, "app")
		require.Len(t, infos, 2)
		i := slices.IndexFunc(infos, func(i transport.EntryInfo) bool { return !i.Marked })
		require.Equal(t, "app of others", infos[i].Name)
		require.Regexp(t, fmt.Sprintf("^%d@[0-9]{15,}$", conn.PgConn().PID()), infos[i].ID)
		require.Equal(t, []transport.EntryInfo{e.Info()}, entries(t, d, `app's %_\`))
		require.Empty(t, entries(t, d, "%"))
		require.NoError(t, e.Close(within(t)))
		require.Empty(t, entries(t, d, "app's"), "the name must be gone when Close returns")
	})
}

// TestEntryNamesAreShownAsTheServerShowsThem: PostgreSQL cuts names to 63 bytes and replaces bytes.
func TestEntryNamesAreShownAsTheServerShowsThem(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		shown := func(versions ...string) string { // of 13 to 15, and of 16 and later
			if pgtest.QueryInt(t, database, "SELECT current_setting('server_version_num')::int") < 160000 {
				return versions[0]
			}
			return versions[1]
		}
		for name, want := range map[string]string{
			strings.Repeat("a", 63):          strings.Repeat("a", 63),
			strings.Repeat("a", 64):          strings.Repeat("a", 63),
			strings.Repeat("b", 10_000):      strings.Repeat("b", 63),
			"café":                           shown("caf??", `caf\xc3\xa9`),
			"a\tb\n":                         shown("a?b?", `a\x09b\x0a`),
			strings.Repeat("x", 62) + "é":    shown(strings.Repeat("x", 62), strings.Repeat("x", 62)),
			strings.Repeat("é", 40):          shown(strings.Repeat("?", 62), strings.Repeat(`\xc3\xa9`, 8)[:63]),
			"socket.io-p-request#/#\\x61'E'": "socket.io-p-request#/#\\x61'E'",
		} {
			e := enter(t, d, name)
			require.Equal(t, want, e.Info().Name, "%.80q", name)
			require.Contains(t, entries(t, d, e.Info().Name), e.Info())
		}
	})
}

func TestRosterRefusesNamesThatPostgreSQLCannotRead(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		var invalid *postgres.NameError
		for _, name := range []string{"", "a\x00b", "\xff"} {
			_, err := d.(transport.Roster).Enter(within(t), name)
			require.ErrorAs(t, err, &invalid, "%q", name)
		}
		_, err := d.(transport.Roster).Entries(within(t), "\x00")
		require.ErrorAs(t, err, &invalid)
		waitUntilNone(t, database, "application_name LIKE 'backplane entry'", "no connection may be left")
	})
}

// TestRosterOfOtherRoles: entries are visible with the same ID to roles that see little.
func TestRosterOfOtherRoles(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		name := strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_"))
		var urls []string
		for i := range 2 {
			role := fmt.Sprint(name, i)
			pgtest.Exec(t, database, "DROP ROLE IF EXISTS "+role)
			pgtest.Exec(t, database, "CREATE ROLE "+role+" LOGIN")
			t.Cleanup(func() { pgtest.Exec(t, database, "DROP ROLE "+role) })
			urls = append(urls, pgtest.With(t, database, func(u *url.URL) { u.User = url.User(role) }))
		}
		one, two := newDriver(t, k, urls[0]), newDriver(t, k, urls[1])
		e := enter(t, one, "app 1")
		foreign := connectAs(t, urls[0], "app of others")
		want := []transport.EntryInfo{e.Info(), {ID: fmt.Sprint(foreign.PgConn().PID()), Name: "app of others"}}
		require.ElementsMatch(t, want, entries(t, two, "app"))
		mixed, _ := k.open(t, urls[1], urls[0], postgres.Config{}) // its pool has another role
		t.Cleanup(func() { _ = mixed.Close(within(t)) })
		own := enter(t, mixed, "mixed")
		require.Equal(t, []transport.EntryInfo{own.Info()}, entries(t, mixed, "mixed"))
	})
}

func TestRosterDoesNotShowOtherDatabases(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		one, two := newDriver(t, k, pgtest.Database(t)), newDriver(t, k, pgtest.Database(t))
		e := enter(t, one, "app")
		require.Empty(t, entries(t, two, "app"))
		require.Equal(t, []transport.EntryInfo{e.Info()}, entries(t, one, "app"))
	})
}

func TestTerminatedEntryVanishes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		e, stays := enter(t, d, "app 1"), enter(t, d, "app 2")
		require.Equal(t, 1, pgtest.Kill(t, database, "application_name = 'app 1'"))
		require.Equal(t, []transport.EntryInfo{stays.Info()}, entries(t, d, "app"))
		require.NoError(t, e.Close(within(t)))
		again := enter(t, d, "app 1")
		require.NotEqual(t, e.Info().ID, again.Info().ID)
	})
}

func TestCloseOfAnEntryBehindADeadNetworkDoesNotBlock(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		proxy := pgtest.NewProxy(t, pgtest.Database(t))
		d := newDriver(t, k, proxy.URL())
		e := enter(t, d, "app")
		proxy.Stall(pgtest.Both)
		defer proxy.Resume()
		require.NoError(t, e.Close(within(t)))
	})
}

func TestCloseOfTheDriverEndsEntries(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d, other := newDriver(t, k, database), newDriver(t, k, database)
		e, stays := enter(t, d, "app 1"), enter(t, other, "app 2")
		require.NoError(t, d.Close(within(t)))
		waitUntilNone(t, database, "application_name = 'app 1'", "the entry must end")
		require.NoError(t, e.Close(within(t)))
		require.Equal(t, []transport.EntryInfo{stays.Info()}, entries(t, d, "app"))
		enter(t, d, "app 3")
	})
}

// TestEntriesAreMarkedWheneverTheyAreShown: also while they enter and are closed.
func TestEntriesAreMarkedWheneverTheyAreShown(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		stop := make(chan struct{})
		var looking, entering sync.WaitGroup
		for range 2 {
			looking.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					infos, err := d.(transport.Roster).Entries(within(t), "app")
					if err != nil {
						t.Errorf("Entries: %v", err)
						return
					}
					for _, i := range infos {
						if !i.Marked {
							t.Errorf("the entry %v is shown without its mark", i)
						}
					}
				}
			})
		}
		for n := range 3 {
			entering.Go(func() {
				for range 30 {
					e, err := d.(transport.Roster).Enter(within(t), fmt.Sprint("app ", n))
					if err != nil {
						t.Errorf("Enter: %v", err)
						return
					}
					if err := e.Close(within(t)); err != nil {
						t.Errorf("Close: %v", err)
					}
				}
			})
		}
		entering.Wait()
		close(stop)
		looking.Wait()
	})
}

// TestRosterBehindPgBouncer: a proxy that pools sessions gives the same session of the server to several clients,
// one after the other. One that pools transactions is noticed if it changes the session.
func TestRosterBehindPgBouncer(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		t.Run("PoolingSessions", func(t *testing.T) {
			database := pgtest.Database(t)
			bouncer := pgtest.NewBouncer(t, database, pgtest.PoolSessions, "default_pool_size = 2")
			d, _ := k.open(t, database, bouncer, postgres.Config{})
			t.Cleanup(func() { _ = d.Close(within(t)) })
			seen := make(map[string]bool)
			for range 10 {
				e := enter(t, d, "app")
				require.Equal(t, []transport.EntryInfo{e.Info()}, entries(t, d, "app"))
				require.False(t, seen[e.Info().ID], "the session of the server may be the same, the ID must not be")
				seen[e.Info().ID] = true
				require.NoError(t, e.Close(within(t)))
				require.Empty(t, entries(t, d, "app"))
			}
		})
		t.Run("PoolingTransactions", func(t *testing.T) {
			database := pgtest.Database(t)
			bouncer := pgtest.NewBouncer(t, database, pgtest.PoolTransactions, "server_round_robin = 1")
			d, _ := k.open(t, database, bouncer, postgres.Config{})
			t.Cleanup(func() { _ = d.Close(within(t)) })
			var busy []*pgx.Conn // keep two sessions of the server in transactions, so that there are several
			for range 2 {
				conn := connectAs(t, bouncer, "busy")
				_, err := conn.Exec(within(t), "BEGIN", pgx.QueryExecModeSimpleProtocol)
				require.NoError(t, err)
				busy = append(busy, conn)
			}
			for _, conn := range busy {
				_, err := conn.Exec(within(t), "COMMIT", pgx.QueryExecModeSimpleProtocol)
				require.NoError(t, err)
			}
			_, err := d.(transport.Roster).Enter(within(t), "app")
			require.ErrorIs(t, err, postgres.ErrPooled)
			require.Empty(t, entries(t, d, "app"))
		})
	})
}

// TestEntryBehindACutNetworkVanishes: the server ends the connection of a node whose network is cut.
func TestEntryBehindACutNetworkVanishes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		d, other := newDriver(t, k, proxy.URL()), newDriver(t, k, database)
		e := enter(t, d, "app 1")
		require.Equal(t, 1, proxy.Cut(), "the connection of the entry")
		waitUntilNone(t, database, "application_name = 'app 1'", "the server must notice")
		require.Empty(t, entries(t, other, "app"))
		require.NoError(t, e.Close(within(t)))
		again := enter(t, d, "app 1")
		require.Equal(t, []transport.EntryInfo{again.Info()}, entries(t, d, "app"))
	})
}

// TestEntryOfAReadOnlyServer: an entry writes nothing.
func TestEntryOfAReadOnlyServer(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		u, err := url.Parse(database)
		require.NoError(t, err)
		pgtest.Exec(t, database, "ALTER DATABASE "+u.Path[1:]+" SET default_transaction_read_only = on")
		d := newDriver(t, k, database)
		e := enter(t, d, "app")
		require.Equal(t, []transport.EntryInfo{e.Info()}, entries(t, d, "app"))
	})
}
