package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// fenced returns a driver whose own connections go through a proxy, and then, if pooled, through another that pools sessions.
func fenced(t *testing.T, k kind, pooled bool) (d driver, proxy *pgtest.Proxy, database string) {
	t.Helper()
	database = pgtest.Database(t)
	server := database
	if pooled {
		server = pgtest.NewBouncer(t, database, pgtest.PoolSessions)
	}
	proxy = pgtest.NewProxy(t, server)
	d, _ = k.open(t, database, proxy.URL(), postgres.Config{})
	t.Cleanup(func() { _ = d.Close(within(t)) })
	return d, proxy, database
}

// TestNothingArrivesAfterWhatWasPublishedLater holds back what a connection says until its messages have been given up and
// later ones were published on another connection.
func TestNothingArrivesAfterWhatWasPublishedLater(t *testing.T) {
	for name, c := range map[string]struct {
		direction pgtest.Direction
		pooled    bool
	}{
		"StatementIsHeldBack":                      {direction: pgtest.ToServer}, // the server gets it later
		"AnswerIsHeldBack":                         {direction: pgtest.ToClient}, // the server has committed it
		"StatementIsHeldBack/BeforePooledSessions": {direction: pgtest.ToServer, pooled: true},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				d, proxy, database := fenced(t, k, c.pooled)
				other := newDriver(t, k, database)
				s := listen(t, other, "a")
				for i := range 4 {
					require.NoError(t, d.Publish(within(t), messages("a", fmt.Sprint(i, " before"))...))
					proxy.StallStanding(c.direction)
					ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
					lost := messages("a", fmt.Sprint(i, " given up"))
					if i%2 == 1 {
						lost = append(lost, lost...) // a transaction for each
					}
					require.Error(t, d.Publish(ctx, lost...))
					cancel()
					require.NoError(t, d.Publish(within(t), messages("a", fmt.Sprint(i, " now"))...))
					proxy.Resume()
					require.Eventually(t, func() bool {
						return pgtest.Backends(t, database, "application_name = 'backplane publish'") <= 1
					}, patience, 10*time.Millisecond, "the connection that was given up is ended")
				}
				require.NoError(t, other.Publish(within(t), messages("a", "end")...))
				var got []string // without what was given up and did arrive: it may, in its place
				last := ""
				for last != "end" {
					m, err := s.Receive(within(t))
					require.NoError(t, err)
					text := string(m.Payload)
					if number, givenUp := strings.CutSuffix(text, " given up"); givenUp {
						require.Contains(t, []string{number + " before", text}, last, "%q came after what was published later", text)
					} else {
						got = append(got, text)
					}
					last = text
				}
				require.Equal(t, []string{"0 before", "0 now", "1 before", "1 now", "2 before", "2 now", "3 before", "3 now", "end"}, got)
			})
		})
	}
}

// TestStatementThatWaitsInTheServerIsEnded: what was given up while it waited for the lock of notifications is not committed later.
func TestStatementThatWaitsInTheServerIsEnded(t *testing.T) {
	server := pgtest.OwnServer(t)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			database := pgtest.DatabaseOn(t, server.URL())
			d := newDriver(t, k, database)
			s := listen(t, d, "a")
			expect(t, d, s, "a")
			first := publisherPID(t, database)
			release := holdNotifications(t, database)
			given, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			require.Error(t, d.Publish(given, messages("a", "given up")...))
			published := make(chan error)
			go func() { published <- d.Publish(within(t), messages("a", "now")...) }()
			require.Eventually(t, func() bool {
				const waits = "wait_event = 'object' AND application_name = 'backplane publish'"
				return pgtest.Backends(t, database, waits) == 1 && pgtest.Backends(t, database, fmt.Sprint(waits, " AND pid <> ", first)) == 1
			}, patience, 10*time.Millisecond, "one statement waits, that of the other connection")
			release()
			require.NoError(t, <-published)
			expect(t, d, s, "a", "now")
		})
	}
}

// holdNotifications holds the lock that every commit with a notification needs, by a commit that waits for a replica which does not
// exist, until release. It needs a server of the test's own.
func holdNotifications(t *testing.T, database string) (release func()) {
	t.Helper()
	holder, err := pgx.Connect(within(t), database)
	require.NoError(t, err)
	_, err = holder.Exec(within(t), "SET application_name = 'holder'; SET statement_timeout = 0; CREATE TABLE written ()")
	require.NoError(t, err)
	pgtest.Exec(t, database, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	pgtest.Exec(t, database, "SELECT pg_reload_conf()")
	held := make(chan error)
	var released atomic.Bool
	go func() {
		var err error
		for err == nil && !released.Load() { // the server takes a moment to heed a new setting
			_, err = holder.Exec(within(t), "BEGIN; INSERT INTO written DEFAULT VALUES; NOTIFY b; COMMIT")
		}
		held <- err
	}()
	require.Eventually(t, func() bool {
		return pgtest.Backends(t, database, "wait_event = 'SyncRep' AND application_name = 'holder'") == 1
	}, patience, 10*time.Millisecond, "the commit waits")
	return func() {
		released.Store(true)
		pgtest.Exec(t, database, "ALTER SYSTEM RESET synchronous_standby_names")
		pgtest.Exec(t, database, "SELECT pg_reload_conf()")
		require.NoError(t, <-held)
		require.NoError(t, holder.Close(within(t)))
	}
}

// Every bus has a lock of its own, so that nodes do not end each other's connections.
func TestConnectionOfAnotherBusIsNotEnded(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, database := fenced(t, k, false)
		bystander := newDriver(t, k, database)
		require.NoError(t, bystander.Publish(within(t), messages("a", "1")...))
		pid := publisherPID(t, database)
		for range 3 {
			require.NoError(t, d.Publish(within(t), messages("a", "1")...))
			proxy.StallStanding(pgtest.ToServer)
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			require.Error(t, d.Publish(ctx, messages("a", "given up")...))
			cancel()
		}
		require.NoError(t, d.Publish(within(t), messages("a", "1")...))
		proxy.Resume()
		require.Equal(t, 1, pgtest.Backends(t, database, fmt.Sprint("application_name = 'backplane publish' AND pid = ", pid)))
		require.NoError(t, bystander.Publish(within(t), messages("a", "2")...), "its connection still stands")
	})
}

// A session that has the lock and is none of the driver's, as behind a proxy, is not ended: the driver waits for it.
func TestStrangerWithTheLockIsWaitedFor(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, database := fenced(t, k, false)
		require.NoError(t, d.Publish(within(t), messages("a", "1")...))
		const lock = "FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
		stranger, err := pgx.Connect(within(t), database)
		require.NoError(t, err)
		defer func() { _ = stranger.Close(context.Background()) }()
		locked := make(chan error)
		go func() {
			_, err := stranger.Exec(within(t), "SELECT pg_advisory_lock((SELECT (classid::bigint << 32) + objid::bigint "+lock+"))")
			locked <- err
		}()
		require.Eventually(t, func() bool { return pgtest.QueryInt(t, database, "SELECT count(*) "+lock) == 2 }, patience, 10*time.Millisecond)

		proxy.StallStanding(pgtest.ToServer)
		give, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		require.Error(t, d.Publish(give, messages("a", "given up")...))
		give, cancel = context.WithTimeout(context.Background(), 3*time.Second) // enough to connect again
		defer cancel()
		err = d.Publish(give, messages("a", "not yet")...)
		require.ErrorIs(t, err, postgres.ErrUnfenced)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, <-locked)
		_, err = stranger.Exec(within(t), "SELECT pg_advisory_unlock_all()")
		require.NoError(t, err, "it was not ended")
		require.NoError(t, d.Publish(within(t), messages("a", "2")...))
		proxy.Resume()
	})
}
