package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// TestOpenTransactionThatHasAppendedBlocksNobody: others publish, append and move meanwhile. The messages of the
// transaction come after theirs, in their order, once it is committed.
func TestOpenTransactionThatHasAppendedBlocksNobody(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := logDatabase(t, "")
		d := newDriver(t, k, database)
		reader := newLogReader(t, d, "", "c")
		open := newClient(t, k, database, postgres.Config{}).begin()
		require.NoError(t, open.Append(within(t), []transport.Record{record("c", "open 1", true)}))
		require.NoError(t, open.Append(within(t), []transport.Record{
			record("c", "open 2", false), record("c", "open 3", true)}))

		other := newClient(t, k, database, postgres.Config{})
		for i := range 3 {
			require.NoError(t, d.Publish(within(t), messages("c", fmt.Sprint("published ", i))...))
			tx := other.begin()
			require.NoError(t, tx.Append(within(t), []transport.Record{record("c", fmt.Sprint("other ", i), true)}))
			require.NoError(t, tx.commit())
			require.Equal(t, 1, moveAll(t, d))
		}
		require.NoError(t, open.commit())
		require.Equal(t, 3, moveAll(t, d))
		var got []string
		for range 9 {
			_, payload, offset := reader.next(t)
			got = append(got, fmt.Sprint(payload, ": ", offset))
		}
		require.Equal(t, []string{"published 0: 0", "other 0: 1", "published 1: 0", "other 1: 2", "published 2: 0",
			"other 2: 3", "open 1: 4", "open 2: 0", "open 3: 5"}, got)
	})
}

func TestTransactionThatHasAppendedHoldsNoLockThatOthersNeed(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := logDatabase(t, "")
		tx := newClient(t, k, database, postgres.Config{}).begin()
		require.NoError(t, tx.Append(within(t), []transport.Record{record("c", "1", true), record("c", "2", false)}))
		require.NoError(t, tx.Append(within(t), []transport.Record{record("c", "3", true)}))
		const others = "SELECT count(*) FROM pg_locks WHERE pid IN (SELECT pid FROM pg_stat_activity " +
			"WHERE datname = current_database() AND state = 'idle in transaction') AND "
		require.NotZero(t, pgtest.QueryInt(t, database, others+"true"))
		require.Zero(t, pgtest.QueryInt(t, database, others+"NOT (locktype IN ('virtualxid', 'transactionid') OR "+
			"locktype = 'relation' AND mode IN ('AccessShareLock', 'RowExclusiveLock'))"),
			"locks that do not conflict with those of other transactions of this kind")
		require.Zero(t, pgtest.QueryInt(t, database, others+"locktype = 'relation' AND mode = 'RowExclusiveLock' "+
			"AND relation::regclass::text NOT LIKE 'backplane_log_outbox%'"))
		require.NoError(t, tx.rollback())
	})
}

func TestMessagesOfTransactionsThatAreRolledBackNeverArrive(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := logDatabase(t, "")
		d := newDriver(t, k, database)
		reader := newLogReader(t, d, "", "c")
		c := newClient(t, k, database, postgres.Config{})
		append1 := func(tx business, payload string) {
			require.NoError(t, tx.Append(within(t), []transport.Record{record("c", payload, true)}))
		}
		gone := c.begin()
		append1(gone, "rolled back")
		require.NoError(t, gone.rollback())
		tx := c.begin()
		append1(tx, "before")
		require.NoError(t, tx.exec("SAVEPOINT s"))
		append1(tx, "in the savepoint")
		require.NoError(t, tx.exec("ROLLBACK TO SAVEPOINT s"))
		append1(tx, "after")
		require.NoError(t, tx.exec("SAVEPOINT s"))
		append1(tx, "released")
		require.NoError(t, tx.exec("RELEASE SAVEPOINT s"))
		require.Zero(t, moveAll(t, d))
		require.NoError(t, tx.commit())
		require.Equal(t, 3, moveAll(t, d))
		for i, want := range []string{"before", "after", "released"} {
			_, payload, offset := reader.next(t)
			require.Equal(t, want, payload)
			require.Equal(t, i+1, offset)
		}
		expect(t, d, reader.session, "c")
	})
}

func TestRecordsThatTheServerRefusesDoNotAbortTheTransaction(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := logDatabase(t, "")
		tx := newClient(t, k, database, postgres.Config{}).begin()
		require.NoError(t, tx.Append(within(t), nil))
		for _, bad := range []transport.Record{record("", "x", true), record(strings.Repeat("c", 64), "x", true),
			record("c", strings.Repeat("x", 8000), false), record("c", "a\x00b", true), record("c", "\xff", true)} {
			var rejected *transport.RejectedError
			require.ErrorAs(t, tx.Append(within(t), []transport.Record{record("c", "good", true), bad}), &rejected)
			require.Zero(t, rejected.Accepted)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, tx.Append(ended, []transport.Record{record("c", "x", true)}), context.Canceled)
		require.NoError(t, tx.commit())
		require.Zero(t, pgtest.QueryInt(t, database, "SELECT count(*) FROM backplane_log_outbox"))
	})
}

// TestMoversKeepTheOrderOfEachSession: 8 sessions append in transactions while three nodes move.
func TestMoversKeepTheOrderOfEachSession(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := logDatabase(t, "")
		const sessions, transactions, records = 8, 40, 5
		drivers := []driver{newDriver(t, k, database), newDriver(t, k, database), newDriver(t, k, database)}
		readers := []*logReader{newLogReader(t, drivers[0], "", "c0", "c1"),
			newLogReader(t, drivers[1], "", "c0", "c1")}
		var appending, moving sync.WaitGroup
		var done atomic.Bool
		for _, d := range drivers {
			moving.Go(func() {
				for !done.Load() {
					if _, _, err := d.(transport.Outbox).MoveOutbox(within(t)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for s := range sessions {
			c := newClient(t, k, database, postgres.Config{})
			appending.Go(func() {
				for n := range transactions {
					tx := c.begin()
					var all []transport.Record
					for i := range records {
						all = append(all, record(fmt.Sprint("c", s%2), fmt.Sprintf("%d %d", s, n*records+i), i%3 != 1))
					}
					if err := tx.Append(within(t), all); err != nil {
						t.Error(err)
					}
					end := tx.commit
					if n%7 == 6 {
						end = tx.rollback
					}
					if err := end(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		appending.Wait()
		done.Store(true)
		moving.Wait()
		moveAll(t, drivers[0])
		var first []string
		for r, reader := range readers {
			next := make(map[int]int)
			offsets := make(map[string]int)
			var order []string
			for range sessions * (transactions - transactions/7) * records {
				channel, payload, offset := reader.next(t)
				order = append(order, payload)
				var s, n int
				_, err := fmt.Sscanf(payload, "%d %d", &s, &n)
				require.NoError(t, err)
				if next[s]/records%7 == 6 { // that transaction was rolled back
					next[s] += records
				}
				require.Equal(t, next[s], n, "session %d", s)
				next[s]++
				if n%records%3 == 1 {
					require.Zero(t, offset, "%q is not kept", payload)
					continue
				}
				offsets[channel]++
				require.Equal(t, offsets[channel], offset, "%q on %s", payload, channel)
			}
			if r == 0 {
				first = order
				continue
			}
			require.Equal(t, first, order, "all nodes receive the messages in the same order")
			expect(t, drivers[r], reader.session, "c0")
		}
		kept := pgtest.QueryInt(t, database, "SELECT sum(n) FROM backplane_log_0")
		require.Equal(t, sessions*(transactions-transactions/7)*4-sessions*(transactions-transactions/7), kept)
	})
}

// TestMoverThatIsKilledLosesAndDoublesNothing: it is terminated after it has removed messages from the outbox.
func TestMoverThatIsKilledLosesAndDoublesNothing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := logDatabase(t, "")
		d := newDriver(t, k, database)
		reader := newLogReader(t, d, "", "c")
		tx := newClient(t, k, database, postgres.Config{}).begin()
		var all []transport.Record
		for i := range 100 {
			all = append(all, record("c", fmt.Sprint(i), true))
		}
		require.NoError(t, tx.Append(within(t), all))
		require.NoError(t, tx.commit())

		// The mover gets as far as appending to the log, and waits there.
		blocker := connect(t, database, "")
		_, err := blocker.Exec(within(t), "BEGIN; LOCK TABLE backplane_log IN ACCESS EXCLUSIVE MODE")
		require.NoError(t, err)
		moving := make(chan error, 1)
		ctx, cancel := context.WithCancel(within(t))
		go func() {
			_, _, err := d.(transport.Outbox).MoveOutbox(ctx)
			moving <- err
		}()
		const mover = "query LIKE '%_move%' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
		require.Eventually(t, func() bool { return pgtest.Backends(t, database, mover) == 1 }, patience,
			10*time.Millisecond)
		other := newDriver(t, k, database)
		moved, more, err := other.(transport.Outbox).MoveOutbox(within(t))
		require.NoError(t, err, "another node does not wait for it")
		require.Zero(t, moved)
		require.False(t, more)
		cancel() // so that it is not tried again
		pgtest.Exec(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
			"WHERE datname = current_database() AND "+mover)
		require.Error(t, <-moving)
		waitUntilNone(t, database, mover, "the mover is gone")
		_, err = blocker.Exec(within(t), "COMMIT")
		require.NoError(t, err)

		require.Equal(t, 100, pgtest.QueryInt(t, database, "SELECT count(*) FROM backplane_log_outbox"))
		require.Equal(t, 100, moveAll(t, other))
		for i := range 100 {
			_, payload, offset := reader.next(t)
			require.Equal(t, fmt.Sprint(i), payload)
			require.Equal(t, i+1, offset)
		}
		expect(t, d, reader.session, "c")
	})
}
