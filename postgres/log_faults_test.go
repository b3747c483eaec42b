package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// A session that listens to a channel in the middle of heavy publishing has the right position for each message.
func TestLogPositionsAreRightWhileListening(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newLog(t, k, database, postgres.Config{})
		ctx, cancel := context.WithCancel(within(t))
		var group sync.WaitGroup
		defer group.Wait()
		defer cancel()
		for w := range 3 {
			writer := newLog(t, k, database, postgres.Config{})
			group.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					records := make([]transport.Record, 300)
					for j := range records {
						payload := fmt.Sprintf("%d %d %d %0200d", w, i, j, 0)
						records[j] = transport.Record{Message: transport.Message{
							Channel: []string{"a", "b", "c"}[(i+j/3)%3], Payload: []byte(payload)}, Keep: j%7 != 3}
					}
					if err := writer.Append(ctx, records); err != nil && ctx.Err() == nil {
						t.Errorf("Append: %v", err)
						return
					}
				}
			})
		}
		s := openLog(t, d, "a")
		seen := make(map[transport.Position]string) // what the session has received, by channel and position
		latest := make(map[string]uint64)
		check := func(n int) {
			for _, r := range receive(t, s, n) {
				var w, i, j int
				_, err := fmt.Sscanf(string(r.Payload), "%d %d %d", &w, &i, &j)
				require.NoError(t, err)
				require.Equal(t, j%7 != 3, r.Keep, "%.20q on %s", r.Payload, r.Channel)
				if !r.Keep {
					continue
				}
				if last := latest[r.Channel]; last != 0 {
					require.Equal(t, last, r.Previous.Major, "a hole on %s", r.Channel)
				}
				latest[r.Channel] = r.Offset.Major
				seen[transport.Position{Epoch: r.Channel, Offset: r.Offset}] = string(r.Payload)
			}
		}
		for range 8 {
			check(200)
			for _, channel := range []string{"b", "c"} {
				require.NoError(t, s.Listen(ctx, channel))
				check(100)
			}
			for _, channel := range []string{"b", "c"} {
				require.NoError(t, s.Unlisten(ctx, channel))
			}
			for latest["b"] != 0 || latest["c"] != 0 { // receive what was queued before Unlisten
				delete(latest, "b")
				delete(latest, "c")
				marker := fmt.Sprint("marker ", time.Now().UnixNano())
				require.NoError(t, d.Publish(ctx, messages("a", marker)...))
				for {
					r := receive(t, s, 1)[0]
					if string(r.Payload) == marker {
						break
					}
					if r.Channel == "a" && r.Keep {
						require.Equal(t, latest["a"], r.Previous.Major)
						latest["a"] = r.Offset.Major
					}
				}
			}
		}
		cancel()
		group.Wait()
		found := 0
		for _, channel := range []string{"a", "b", "c"} {
			for _, r := range replayAll(t, d, channel, start(t, d, channel), transport.ReadLimit{}) {
				if payload, ok := seen[transport.Position{Epoch: channel, Offset: r.Offset}]; ok {
					require.Equal(t, string(r.Payload), payload, "offset %s of %s", r.Offset, channel)
					found++
				}
			}
		}
		require.Equal(t, len(seen), found)
	})
}

// A table that somebody has locked makes Append fail with a certain outcome: nothing is kept or sent later.
func TestLogLockedTableIsARefusal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newLog(t, k, database, postgres.Config{})
		require.NoError(t, d.Append(within(t), kept("a", "1")))
		conn := connect(t, database, "")
		_, err := conn.Exec(within(t), "BEGIN; LOCK TABLE backplane_log_0")
		require.NoError(t, err)
		var rejected *transport.RejectedError
		require.ErrorAs(t, d.Append(within(t), kept("a", "2")), &rejected)
		require.Zero(t, rejected.Accepted)
		_, err = conn.Exec(within(t), "COMMIT")
		require.NoError(t, err)
		records := kept("a", "3")
		require.NoError(t, d.Append(within(t), records))
		require.Equal(t, uint64(2), records[0].Offset.Major)
	})
}

// TrimLog does not wait for a transaction that reads, and an idle log gets empty and then writes nothing.
func TestLogTrimming(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newLog(t, k, database, postgres.Config{})
		records := kept("a", "1", "2")
		require.NoError(t, d.Append(within(t), records))
		keep := transport.Retention{MaxAge: time.Millisecond}
		conn := connect(t, database, "")
		_, err := conn.Exec(within(t), "BEGIN; SELECT FROM backplane_log_0")
		require.NoError(t, err)
		for err = nil; err == nil; err = d.TrimLog(within(t), keep) {
			time.Sleep(time.Millisecond) // the age of the slots
		}
		require.ErrorContains(t, err, "not trimmed while another transaction")
		bounds, err := d.Bounds(within(t), "a")
		require.NoError(t, err)
		require.Zero(t, bounds.Trimmed)
		_, err = conn.Exec(within(t), "COMMIT")
		require.NoError(t, err)
		for range 20 {
			require.NoError(t, d.TrimLog(within(t), keep))
			time.Sleep(time.Millisecond)
		}
		bounds, err = d.Bounds(within(t), "a")
		require.NoError(t, err)
		require.Equal(t, uint64(2), bounds.Trimmed.Major)
		require.Equal(t, uint64(2), bounds.Newest.Major)
		before := pgtest.QueryInt(t, database, "SELECT slot FROM backplane_log")
		for range 20 {
			require.NoError(t, d.TrimLog(within(t), keep))
			time.Sleep(time.Millisecond)
		}
		require.Equal(t, before, pgtest.QueryInt(t, database, "SELECT slot FROM backplane_log"), "nothing is written")
		after := kept("a", "3")
		require.NoError(t, d.Append(within(t), after))
		require.Equal(t, uint64(3), after[0].Offset.Major)
	})
}

// Whoever removes messages by hand begins a new epoch, and so does a crash of a server that did not wait for its disk.
func TestLogBeginsANewEpoch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newLog(t, k, database, postgres.Config{AsyncLog: true})
		epoch := func() string {
			records := kept("a", "1", "2")
			require.NoError(t, d.Append(within(t), records))
			return records[0].Epoch
		}
		last := epoch()
		require.Equal(t, last, epoch())
		for _, statement := range []string{
			"TRUNCATE backplane_log_0", "TRUNCATE backplane_log_heads", "VACUUM FULL backplane_log_0",
			"TRUNCATE backplane_log_marker", // as a crash does
			"TRUNCATE backplane_log; " + mustSQL(t)(postgres.LogSchema("")),
		} {
			pgtest.Exec(t, database, statement)
			next := epoch()
			require.NotEqual(t, last, next, statement)
			require.Equal(t, next, epoch())
			require.Len(t, replayAll(t, d, "a", start(t, d, "a"), transport.ReadLimit{}), 4)
			_, err := d.Replay(within(t), "a", transport.Position{Epoch: last}, transport.ReadLimit{})
			require.ErrorIs(t, err, transport.ErrEpoch)
			last = next
		}
	})
}

// A crash of the server loses nothing that was acknowledged, and with AsyncLog it begins a new epoch.
func TestLogAfterACrash(t *testing.T) {
	t.Parallel()
	for _, async := range []bool{false, true} {
		t.Run(fmt.Sprint("Async ", async), func(t *testing.T) {
			t.Parallel()
			server := pgtest.OwnServer(t)
			d := newLog(t, kinds[0], server.URL(), postgres.Config{AsyncLog: async})
			before := kept("a", "1", "2")
			require.NoError(t, d.Append(within(t), before))
			server.Restart(t, pgtest.Immediate)
			after := kept("a", "3")
			var err error
			for err = d.Append(within(t), after); errors.Is(err, transport.ErrNotSent); {
				err = d.Append(within(t), after)
			}
			require.NoError(t, err)
			require.Equal(t, !async, before[0].Epoch == after[0].Epoch)
			if !async {
				begin := transport.Position{Epoch: before[0].Epoch}
				require.Len(t, replayAll(t, d, "a", begin, transport.ReadLimit{}), 3)
			}
		})
	}
}

// Transactions of this role are stricter by default. The publishing connection is not.
func TestLogInADatabaseWithStricterTransactions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		pgtest.Exec(t, database, `DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) ||
			' SET default_transaction_isolation = serializable'; END $$`)
		d := newLog(t, k, database, postgres.Config{})
		require.NoError(t, d.Append(within(t), kept("a", "1")))
		require.Len(t, replayAll(t, d, "a", start(t, d, "a"), transport.ReadLimit{}), 1)
	})
}
