package postgres_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
)

// TestATakerGetsItsSessionWhenTheAnswerIsLost: the server has committed, and the connection breaks before the answer
// arrives.
func TestATakerGetsItsSessionWhenTheAnswerIsLost(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		other := newSessions(t, k, database, postgres.Config{})
		for i, away := range []bool{false, true} {
			saved := session("a", fmt.Sprint(i), "state")
			saved.Away = away
			require.NoError(t, other.SaveSessions(within(t), saved))
			s := newSessions(t, k, proxy.URL(), postgres.Config{})
			_, err := s.TakeSession(within(t), "app#/", "unknown", "b", time.Hour)
			require.ErrorIs(t, err, storage.ErrNotFound, "now the statement is prepared")
			proxy.StallExisting(pgtest.ToClient)
			type result struct {
				session storage.SavedSession
				err     error
			}
			done := make(chan result, 1)
			go func() {
				got, err := s.TakeSession(within(t), "app#/", saved.Key, "b", time.Hour)
				done <- result{got, err}
			}()
			require.Eventually(t, func() bool {
				return pgtest.QueryInt(t, database,
					"SELECT count(*) FROM backplane_sessions WHERE key = $1 AND owner = 'b'", saved.Key) == 1
			}, time.Minute, time.Millisecond)
			_, err = other.TakeSession(within(t), "app#/", saved.Key, "c", time.Hour)
			require.ErrorIs(t, err, storage.ErrNotFound, "it is taken")
			proxy.Cut()
			proxy.Resume()
			got := <-done
			require.NoError(t, got.err)
			require.Equal(t, saved, got.session)
			_, err = s.TakeSession(within(t), "app#/", saved.Key, "b", time.Hour)
			require.ErrorIs(t, err, storage.ErrNotFound, "another call of the same owner")
		}
	})
}

// TestSessionsWithStatisticsOfAnEmptyTable: the server plans for the rows that it counted last, and thousands of
// clients may have come since then.
func TestSessionsWithStatisticsOfAnEmptyTable(t *testing.T) {
	const n = 5000
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		s := newSessions(t, k, database, postgres.Config{})
		pgtest.Exec(t, database, "ALTER TABLE backplane_sessions SET (autovacuum_enabled = off)")
		var all []storage.SavedSession
		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprintf("%064d", i))
			all = append(all, session("a", keys[i], "state"))
		}
		duration := func(call func() error) time.Duration {
			start := time.Now()
			require.NoError(t, call())
			return time.Since(start)
		}
		for name, call := range map[string]func() error{
			"AbandonSessions": func() error { return s.AbandonSessions(within(t), "app#/", "a") },
			"RemoveSessions":  func() error { return s.RemoveSessions(within(t), "app#/", "a", keys[:n/3]...) },
			"ExpireSessions": func() error {
				return errors.Join(s.AbandonSessions(within(t), "app#/", "a"), s.ExpireSessions(within(t), "app#/", 0))
			},
		} {
			best := func(save func()) time.Duration {
				save()
				shortest := duration(call)
				for range 2 {
					save()
					shortest = min(shortest, duration(call))
				}
				return shortest
			}
			stale := best(func() {
				pgtest.Exec(t, database, "TRUNCATE backplane_sessions")
				require.NoError(t, s.SaveSessions(within(t), session("a", "first", "state")))
				pgtest.Exec(t, database, "ANALYZE backplane_sessions")
				require.NoError(t, s.SaveSessions(within(t), all...))
			})
			fresh := best(func() {
				pgtest.Exec(t, database, "TRUNCATE backplane_sessions")
				require.NoError(t, s.SaveSessions(within(t), all...))
				pgtest.Exec(t, database, "ANALYZE backplane_sessions")
			})
			t.Logf("%s: %v, with current statistics %v", name, stale, fresh)
			require.Less(t, stale, 100*fresh, "%s compares each row with each key", name)
		}
	})
}
