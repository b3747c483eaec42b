package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// TestMovedMessagesAreWhatWasAppended: whatever the number of channels, the sizes, and the changes between messages
// that are kept and others, each message arrives once, in order, with its offset.
func TestMovedMessagesAreWhatWasAppended(t *testing.T) {
	large := strings.Repeat("é", 3900)
	for _, c := range []struct {
		name     string
		channels int
		record   func(channel string, i int, rng *rand.Rand) transport.Record
		n        int
	}{
		{"ManyChannels", 300, func(channel string, i int, rng *rand.Rand) transport.Record {
			return record(channel, fmt.Sprint(i), rng.IntN(2) == 0)
		}, 2500},
		{"Alternating", 2, func(channel string, i int, _ *rand.Rand) transport.Record {
			return record(channel, fmt.Sprint(i), i/2%2 == 0)
		}, 2500},
		{"Large", 3, func(channel string, i int, rng *rand.Rand) transport.Record {
			return record(channel, fmt.Sprint(i, large), rng.IntN(3) > 0)
		}, 400},
		{"Equal", 2, func(channel string, i int, rng *rand.Rand) transport.Record {
			return record(channel, fmt.Sprint(i/3), true)
		}, 60},
		{"NothingKept", 2, func(channel string, i int, _ *rand.Rand) transport.Record {
			return record(channel, fmt.Sprint(i), false)
		}, 100},
		{"Special", 1, func(channel string, i int, _ *rand.Rand) transport.Record {
			return record(channel, []string{"", `\`, `"`, "'", "{a,b}", "NULL", "\t\n\r", "🚀", `\x41`}[i], i%2 == 0)
		}, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				database := logDatabase(t, "")
				d := newDriver(t, k, database)
				var channels []string
				for i := range c.channels {
					name := fmt.Sprintf("%d 1 2,3 ", i)
					channels = append(channels, name+strings.Repeat("x", 63-len(name)))
				}
				reader := newLogReader(t, d, "", channels...)
				rng := rand.New(rand.NewPCG(1, 2))
				var all []transport.Record
				for i := range c.n {
					all = append(all, c.record(channels[i%len(channels)], i, rng))
				}
				tx := newClient(t, k, database, postgres.Config{}).begin()
				require.NoError(t, tx.Append(within(t), all))
				require.NoError(t, tx.commit())
				require.Equal(t, c.n, moveAll(t, d))
				last := make(map[string]int)
				for i, r := range all {
					channel, payload, offset := reader.next(t)
					require.Equal(t, r.Channel, channel, "message %d", i)
					require.Equal(t, string(r.Payload), payload, "message %d", i)
					want := 0
					if r.Keep {
						last[channel]++
						want = last[channel]
					}
					require.Equal(t, want, offset, "message %d", i)
				}
				if c.name == "NothingKept" {
					require.Zero(t, reader.headers)
				}
			})
		})
	}
}

// TestMovedMessagesCanBeReadFromTheTables: they are there as if a node had appended them.
func TestMovedMessagesCanBeReadFromTheTables(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := logDatabase(t, "")
		d := newDriver(t, k, database)
		tx := newClient(t, k, database, postgres.Config{}).begin()
		require.NoError(t, tx.Append(within(t), []transport.Record{record("a", "ü", true), record("b", "x", true),
			record("a", "no", false), record("a", "", true)}))
		require.NoError(t, tx.commit())
		require.Equal(t, 4, moveAll(t, d))
		// the header of text[]: dimensions, no NULL, type text, length, first index
		header := func(n int) string { return fmt.Sprintf("000000010000000000000019%08x00000001", n) }
		require.Equal(t, 2, pgtest.QueryInt(t, database, fmt.Sprintf(`SELECT count(*) FROM backplane_log_0
			WHERE (channel, first, n, encode(payloads, 'hex')) IN (
			  ('a', 1, 2, '%s00000002c3bc00000000'), ('b', 1, 1, '%s0000000178'))`, header(2), header(1))))
	})
}

func TestPoolWithAStrictIsolationLevelMovesToo(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := logDatabase(t, "")
		strict := withSetting(t, database, "default_transaction_isolation", "serializable")
		d, _ := k.open(t, strict, database, postgres.Config{})
		t.Cleanup(func() { _ = d.Close(within(t)) })
		reader := newLogReader(t, d, "", "c")
		tx := newClient(t, k, strict, postgres.Config{}).begin()
		var all []transport.Record
		for i := range 2500 {
			all = append(all, record("c", fmt.Sprint(i), true))
		}
		require.NoError(t, tx.Append(within(t), all))
		require.NoError(t, tx.commit())
		require.Equal(t, 2500, moveAll(t, d))
		for i := range all {
			_, payload, offset := reader.next(t)
			require.Equal(t, fmt.Sprint(i), payload)
			require.Equal(t, i+1, offset)
		}
		require.Zero(t, moveAll(t, d))
	})
}

// TestRoleOfTheApplicationCanOnlyAppend: with the privileges of OutboxGrants.
func TestRoleOfTheApplicationCanOnlyAppend(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for _, table := range []string{"", `own "schema.log`, strings.Repeat("l", 48), "ünïcode 🚀; --"} {
			database := pgtest.Database(t)
			pgtest.Exec(t, database, `CREATE SCHEMA "own ""schema"`)
			pgtest.Exec(t, database, mustSQL(t)(postgres.LogSchema(table)))
			role, asRole := lockedDown(t, database)
			config := postgres.Config{LogTable: table}
			tx := newClient(t, k, asRole, config).begin()
			one := []transport.Record{record("c", "1", true)}
			require.ErrorContains(t, tx.Append(within(t), one), "permission denied")
			require.NoError(t, tx.rollback())
			pgtest.Exec(t, database, mustSQL(t)(postgres.OutboxGrants(table, role)))
			tx = newClient(t, k, asRole, config).begin()
			require.NoError(t, tx.Append(within(t), one))
			two := []transport.Record{record("c", "2", true), record("c", "3", false)}
			require.NoError(t, tx.Append(within(t), two))
			require.NoError(t, tx.commit())
			d, _ := k.open(t, asRole, database, config)
			t.Cleanup(func() { _ = d.Close(within(t)) })
			_, _, err := d.(transport.Outbox).MoveOutbox(within(t))
			require.ErrorContains(t, err, "permission denied")
			pgtest.Exec(t, database, mustSQL(t)(postgres.LogGrants(table, role)))
			require.Equal(t, 3, moveAll(t, d))
		}
	})
}

// TestMessagesThatCouldNotBeMovedAreRefusedByTheOutbox: one of them would stop all that follow.
func TestMessagesThatCouldNotBeMovedAreRefusedByTheOutbox(t *testing.T) {
	database := logDatabase(t, "")
	conn := connect(t, database, "")
	const insert = "INSERT INTO backplane_log_outbox (channel, payload, keep) VALUES "
	failsWith(t, conn, "23514", insert+"('', 'x', true)")
	failsWith(t, conn, "23514", insert+"(repeat('c', 64), 'x', true)")
	failsWith(t, conn, "23514", insert+"(repeat('ü', 32), 'x', true)")
	failsWith(t, conn, "23514", insert+"('c', repeat('x', 8000), true)")
	failsWith(t, conn, "23514", insert+"('c', repeat('ü', 4000), false)")
	failsWith(t, conn, "23502", insert+"('c', NULL, false)")
	failsWith(t, conn, "23502", insert+"('c', 'x', NULL)")
	pgtest.Exec(t, database, insert+"(repeat('c', 63), repeat('x', 7999), true)")
	require.Equal(t, 1, moveAll(t, newDriver(t, kinds[0], database)))
}

// TestMovingAnEmptyOutboxWritesNothing: it takes no transaction id, so the server writes nothing to its disk.
func TestMovingAnEmptyOutboxWritesNothing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		server := pgtest.OwnServer(t, "autovacuum=off")
		pgtest.Exec(t, server.URL(), mustSQL(t)(postgres.LogSchema("")))
		d := newDriver(t, k, server.URL())
		require.Zero(t, moveAll(t, d))
		next := func() int {
			return pgtest.QueryInt(t, server.URL(), "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int")
		}
		before := next()
		for range 10 {
			require.Zero(t, moveAll(t, d))
		}
		require.Equal(t, before, next())
	})
}
