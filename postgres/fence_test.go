package postgres_test

import (
	"context"
	"errors"
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

// proxiedDriver returns a driver whose own connections go through a proxy and, if pooled, from there through a
// pooler that pools sessions.
func proxiedDriver(t *testing.T, k kind, pooled bool) (d driver, proxy *pgtest.Proxy, database string) {
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

// TestInterruptedMessageNeverArrivesAfterALaterOne delays the data of a connection until its messages were
// given up and later ones were published on another connection.
func TestInterruptedMessageNeverArrivesAfterALaterOne(t *testing.T) {
	for name, c := range map[string]struct {
		direction pgtest.Direction
		pooled    bool
	}{
		"StatementIsDelayed":                    {direction: pgtest.ToServer}, // the server receives it later
		"AnswerIsDelayed":                       {direction: pgtest.ToClient}, // the server has committed
		"StatementIsDelayedBeforeSessionPooler": {direction: pgtest.ToServer, pooled: true},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				d, proxy, database := proxiedDriver(t, k, c.pooled)
				other := newDriver(t, k, database)
				s := listen(t, other, "a")
				for i := range 4 {
					require.NoError(t, d.Publish(within(t), messages("a", fmt.Sprint(i, " before"))...))
					proxy.StallExisting(c.direction)
					ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
					interrupted := messages("a", fmt.Sprint(i, " interrupted"))
					if i%2 == 1 {
						interrupted = append(interrupted, interrupted...) // equal messages: a transaction for each
					}
					require.Error(t, d.Publish(ctx, interrupted...))
					cancel()
					require.NoError(t, d.Publish(within(t), messages("a", fmt.Sprint(i, " now"))...))
					proxy.Resume()
					require.Eventually(t, func() bool {
						return pgtest.Backends(t, database, "application_name = 'backplane publish'") <= 1
					}, patience, 10*time.Millisecond, "the interrupted connection must be terminated")
				}
				require.NoError(t, other.Publish(within(t), messages("a", "end")...))
				var got []string // without interrupted messages: they may arrive, but only in their place
				last := ""
				for last != "end" {
					m, err := s.Receive(within(t))
					require.NoError(t, err)
					text := string(m.Payload)
					if number, interrupted := strings.CutSuffix(text, " interrupted"); interrupted {
						require.Contains(t, []string{number + " before", text}, last,
							"%q arrived after a later message", text)
					} else {
						got = append(got, text)
					}
					last = text
				}
				require.Equal(t, []string{
					"0 before", "0 now", "1 before", "1 now", "2 before", "2 now", "3 before", "3 now", "end",
				}, got)
			})
		})
	}
}

// TestInterruptedStatementThatWaitsInTheServerNeverCommits: an interrupted statement that waited for the
// notification lock is not committed later.
func TestInterruptedStatementThatWaitsInTheServerNeverCommits(t *testing.T) {
	server := pgtest.OwnServer(t)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			database := pgtest.DatabaseOn(t, server.URL())
			d := newDriver(t, k, database)
			s := listen(t, d, "a")
			expect(t, d, s, "a")
			first := publisherPID(t, database)
			release := holdNotifications(t, database)
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			require.Error(t, d.Publish(ctx, messages("a", "interrupted")...))
			published := make(chan error)
			go func() { published <- d.Publish(within(t), messages("a", "now")...) }()
			require.Eventually(t, func() bool {
				const waits = "wait_event = 'object' AND application_name = 'backplane publish'"
				return pgtest.Backends(t, database, waits) == 1 &&
					pgtest.Backends(t, database, fmt.Sprint(waits, " AND pid <> ", first)) == 1
			}, patience, 10*time.Millisecond, "only the statement of the new connection waits")
			release()
			require.NoError(t, <-published)
			expect(t, d, s, "a", "now")
		})
	}
}

// holdNotifications holds the lock that every commit with a notification needs, until release: a commit waits
// for a replica that does not exist. It needs a separate server, because it changes the server's settings.
func holdNotifications(t *testing.T, database string) (release func()) {
	t.Helper()
	holder, err := pgx.Connect(within(t), database)
	require.NoError(t, err)
	_, err = holder.Exec(within(t),
		"SET application_name = 'holder'; SET statement_timeout = 0; CREATE TABLE written ()")
	require.NoError(t, err)
	pgtest.Exec(t, database, "ALTER SYSTEM SET synchronous_standby_names = 'missing'")
	pgtest.Exec(t, database, "SELECT pg_reload_conf()")
	held := make(chan error)
	var released atomic.Bool
	go func() {
		var err error
		for err == nil && !released.Load() { // the server takes a moment to apply the new setting
			_, err = holder.Exec(within(t), "BEGIN; INSERT INTO written DEFAULT VALUES; NOTIFY b; COMMIT")
		}
		held <- err
	}()
	require.Eventually(t, func() bool {
		return pgtest.Backends(t, database, "wait_event = 'SyncRep' AND application_name = 'holder'") == 1
	}, patience, 10*time.Millisecond, "the commit must wait")
	return func() {
		released.Store(true)
		pgtest.Exec(t, database, "ALTER SYSTEM RESET synchronous_standby_names")
		pgtest.Exec(t, database, "SELECT pg_reload_conf()")
		require.NoError(t, <-held)
		require.NoError(t, holder.Close(within(t)))
	}
}

// Every bus has its own lock, so that nodes do not terminate each other's connections.
func TestConnectionOfAnotherBusIsNotTerminated(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, database := proxiedDriver(t, k, false)
		bystander := newDriver(t, k, database)
		require.NoError(t, bystander.Publish(within(t), messages("a", "1")...))
		pid := publisherPID(t, database)
		for range 3 {
			require.NoError(t, d.Publish(within(t), messages("a", "1")...))
			proxy.StallExisting(pgtest.ToServer)
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			require.Error(t, d.Publish(ctx, messages("a", "interrupted")...))
			cancel()
		}
		require.NoError(t, d.Publish(within(t), messages("a", "1")...))
		proxy.Resume()
		require.Equal(t, 1,
			pgtest.Backends(t, database, fmt.Sprint("application_name = 'backplane publish' AND pid = ", pid)))
		require.NoError(t, bystander.Publish(within(t), messages("a", "2")...), "its connection must still work")
	})
}

// A session that holds the lock but is not one of the driver, as behind a proxy, is not terminated: the driver
// waits for it.
func TestDriverWaitsForAForeignSessionWithTheLock(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, database := proxiedDriver(t, k, false)
		require.NoError(t, d.Publish(within(t), messages("a", "1")...))
		const lock = "FROM pg_locks WHERE locktype = 'advisory' " +
			"AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
		foreign, err := pgx.Connect(within(t), database)
		require.NoError(t, err)
		defer func() { _ = foreign.Close(context.Background()) }()
		locked := make(chan error)
		go func() {
			_, err := foreign.Exec(within(t),
				"SELECT pg_advisory_lock((SELECT (classid::bigint << 32) + objid::bigint "+lock+"))")
			locked <- err
		}()
		require.Eventually(t, func() bool {
			return pgtest.QueryInt(t, database, "SELECT count(*) "+lock) == 2
		}, patience, 10*time.Millisecond)

		proxy.StallExisting(pgtest.ToServer)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		require.Error(t, d.Publish(ctx, messages("a", "interrupted")...))
		err = nil
		for limit := time.Second; !errors.Is(err, postgres.ErrUnfenced); limit *= 2 { // enough to connect again
			require.Less(t, limit, patience, "%v", err)
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			err = d.Publish(ctx, messages("a", "not yet")...)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.NoError(t, <-locked)
		_, err = foreign.Exec(within(t), "SELECT pg_advisory_unlock_all()")
		require.NoError(t, err, "the foreign session must not be terminated")
		require.NoError(t, d.Publish(within(t), messages("a", "2")...))
		proxy.Resume()
	})
}
