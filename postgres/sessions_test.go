package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
)

// newSessions returns the sessions of a driver, whose table exists.
func newSessions(tb testing.TB, k kind, database string, config postgres.Config) storage.Sessions {
	tb.Helper()
	d, _ := k.open(tb, database, database, config)
	tb.Cleanup(func() { _ = d.Close(within(tb)) })
	s := d.(storage.Sessions)
	require.NoError(tb, s.PrepareSessions(within(tb)))
	return s
}

func session(owner, key, state string) storage.SavedSession {
	return storage.SavedSession{Scope: "app#/", Key: key, Owner: owner, State: []byte(state)}
}

// backdate makes all sessions look as if they had been saved or taken earlier.
func backdate(tb testing.TB, database string, by time.Duration) {
	tb.Helper()
	pgtest.Exec(tb, database, fmt.Sprintf(
		"UPDATE backplane_sessions SET since = since - make_interval(secs => %f)", by.Seconds()))
}

func TestSessionsAreTakenAsTheyWereSavedLast(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := newSessions(t, k, pgtest.Database(t), postgres.Config{})
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		states := [][]byte{{}, {0}, []byte(`\x41 'quoted' "twice"`), every, bytes.Repeat(every, 10000), nil}
		var all []storage.SavedSession
		for i, state := range states {
			one := session("a", fmt.Sprint("key ", i), "")
			one.State, one.Away = state, i%2 == 1
			all = append(all, session("a", one.Key, "an earlier state"), one)
		}
		require.NoError(t, s.SaveSessions(within(t)))
		require.NoError(t, s.SaveSessions(within(t), all...))
		for i, state := range states {
			got, err := s.TakeSession(within(t), "app#/", fmt.Sprint("key ", i), "b", time.Hour)
			require.NoError(t, err)
			require.Truef(t, bytes.Equal(state, got.State), "state %d has %d bytes, was saved with %d", i,
				len(got.State), len(state))
			got.State = nil
			want := storage.SavedSession{Scope: "app#/", Key: fmt.Sprint("key ", i), Owner: "a", Away: i%2 == 1}
			require.Equal(t, want, got)
		}
	})
}

func TestManySessionsAreSavedInFewStatements(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		s := newSessions(t, k, database, postgres.Config{})
		var all []storage.SavedSession
		for i := range 3000 {
			all = append(all, session("a", fmt.Sprintf("%04d", i), strings.Repeat(fmt.Sprint(i), 100)))
		}
		require.NoError(t, s.SaveSessions(within(t), all...))
		require.Equal(t, 3000, pgtest.QueryInt(t, database, "SELECT count(*) FROM backplane_sessions"))
		require.LessOrEqual(t, pgtest.QueryInt(t, database,
			"SELECT count(DISTINCT xmin::text) FROM backplane_sessions"), 4)
		got, err := s.TakeSession(within(t), "app#/", "2999", "b", time.Hour)
		require.NoError(t, err)
		require.Equal(t, all[2999].State, got.State)
	})
}

func TestOneOf16TakersGetsASession(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		one := newSessions(t, k, database, postgres.Config{})
		for _, isolation := range []string{"read committed", "repeatable read", "serializable"} {
			strict := withSetting(t, database, "default_transaction_isolation", isolation)
			var takers []storage.Sessions
			for range 4 {
				takers = append(takers, newSessions(t, k, strict, postgres.Config{}))
			}
			for round := range 10 {
				key := fmt.Sprint(isolation, round)
				require.NoError(t, one.SaveSessions(within(t), session("old", key, "state")))
				var taking sync.WaitGroup
				var mu sync.Mutex
				var winners []string
				begin := make(chan struct{})
				for i := range 16 {
					taking.Go(func() {
						<-begin
						owner := fmt.Sprint("node ", i)
						got, err := takers[i%4].TakeSession(within(t), "app#/", key, owner, time.Hour)
						if err != nil {
							if !errors.Is(err, storage.ErrNotFound) {
								t.Errorf("%s: TakeSession: %v, want ErrNotFound for all but one", isolation, err)
							}
							return
						}
						mu.Lock()
						defer mu.Unlock()
						winners = append(winners, owner)
						if got.Owner != "old" || string(got.State) != "state" {
							t.Errorf("TakeSession returned %+v", got)
						}
					})
				}
				close(begin)
				taking.Wait()
				require.Len(t, winners, 1, "%s", isolation)
				// the winner owns it: only what it saves counts, and then it can be taken again
				require.NoError(t, one.SaveSessions(within(t), session("old", key, "too late")))
				_, err := one.TakeSession(within(t), "app#/", key, "next", time.Hour)
				require.ErrorIs(t, err, storage.ErrNotFound, "its new owner has not saved it")
				require.NoError(t, one.SaveSessions(within(t), session(winners[0], key, "new state")))
				got, err := one.TakeSession(within(t), "app#/", key, "next", time.Hour)
				require.NoError(t, err)
				require.Equal(t, winners[0], got.Owner)
				require.Equal(t, "new state", string(got.State))
			}
		}
	})
}

func TestOnlyTheOwnerChangesASession(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := newSessions(t, k, pgtest.Database(t), postgres.Config{})
		require.NoError(t, s.SaveSessions(within(t), session("a", "k", "a's"), session("b", "k", "b's")))
		require.NoError(t, s.RemoveSessions(within(t), "app#/", "b", "k"))
		require.NoError(t, s.RemoveSessions(within(t), "other", "a", "k"))
		require.NoError(t, s.RemoveSessions(within(t), "app#/", "a"))
		require.NoError(t, s.AbandonSessions(within(t), "app#/", "b"))
		got, err := s.TakeSession(within(t), "app#/", "k", "c", 0)
		require.NoError(t, err)
		require.Equal(t, "a's", string(got.State))
		require.False(t, got.Away)
		require.NoError(t, s.RemoveSessions(within(t), "app#/", "a", "k"))
		require.NoError(t, s.SaveSessions(within(t), session("c", "k", "c's")), "it still exists: c can save it")
		require.NoError(t, s.RemoveSessions(within(t), "app#/", "c", "none", "k", `"`))
		_, err = s.TakeSession(within(t), "app#/", "k", "d", time.Hour)
		require.ErrorIs(t, err, storage.ErrNotFound)
	})
}

func TestClientsAreAwayFromTheFirstSaveWithAway(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		s := newSessions(t, k, database, postgres.Config{})
		away := session("a", "away", "1")
		away.Away = true
		require.NoError(t, s.SaveSessions(within(t), away, session("a", "here", "1")))
		backdate(t, database, time.Minute)
		away.State = []byte("2")
		require.NoError(t, s.SaveSessions(within(t), away, session("a", "here", "2")))

		_, err := s.TakeSession(within(t), "app#/", "away", "b", 50*time.Second)
		require.ErrorIs(t, err, storage.ErrNotFound, "it was away for a minute")
		require.NoError(t, s.ExpireSessions(within(t), "app#/", 2*time.Minute))
		require.NoError(t, s.ExpireSessions(within(t), "other", 0))
		got, err := s.TakeSession(within(t), "app#/", "away", "b", 2*time.Minute)
		require.NoError(t, err)
		require.True(t, got.Away)
		require.Equal(t, "2", string(got.State))

		// the new owner saves it as connected; it is away again only from now on
		back := session("b", "away", "3")
		require.NoError(t, s.SaveSessions(within(t), back))
		back.Away = true
		require.NoError(t, s.SaveSessions(within(t), back))
		require.NoError(t, s.ExpireSessions(within(t), "app#/", 50*time.Second))
		backdate(t, database, time.Minute)
		require.NoError(t, s.ExpireSessions(within(t), "app#/", 50*time.Second))
		_, err = s.TakeSession(within(t), "app#/", "away", "c", time.Hour)
		require.ErrorIs(t, err, storage.ErrNotFound, "it has expired")
		_, err = s.TakeSession(within(t), "app#/", "here", "c", 0)
		require.NoError(t, err, "a connected client does not expire")
	})
}

func TestOwnersAreThoseOfConnectedClients(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		s := newSessions(t, k, database, postgres.Config{})
		owners := func() []string {
			all, err := s.SessionOwners(within(t), "app#/")
			require.NoError(t, err)
			slices.Sort(all)
			return all
		}
		require.Empty(t, owners())
		away, other := session("gone", "3", ""), session("stranger", "4", "")
		away.Away, other.Scope = true, "other"
		require.NoError(t, s.SaveSessions(within(t), session(`"a`, "1", ""), session(`"a`, "2", ""), away, other,
			session("b", "5", ""), session("ü🚀", "6", "")))
		require.Equal(t, []string{`"a`, "b", "ü🚀"}, owners())

		// "a has crashed after it had taken 5
		_, err := s.TakeSession(within(t), "app#/", "5", `"a`, time.Hour)
		require.NoError(t, err)
		require.Equal(t, []string{`"a`, "ü🚀"}, owners())
		require.NoError(t, s.AbandonSessions(within(t), "app#/", `"a`))
		require.Equal(t, []string{"ü🚀"}, owners())
		require.NoError(t, s.ExpireSessions(within(t), "app#/", time.Minute))
		for _, key := range []string{"1", "2", "5"} {
			got, err := s.TakeSession(within(t), "app#/", key, "c", time.Minute)
			require.NoError(t, err)
			require.True(t, got.Away)
			require.Equal(t, `"a`, got.Owner)
		}
		require.Equal(t, []string{"c", "ü🚀"}, owners(), "c has taken clients that are about to connect")
	})
}

// TestSessionsThatWereTakenAndForgottenExpire: the connection broke in the moment of taking.
func TestSessionsThatWereTakenAndForgottenExpire(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		s := newSessions(t, k, database, postgres.Config{})
		require.NoError(t, s.SaveSessions(within(t), session("a", "1", "")))
		_, err := s.TakeSession(within(t), "app#/", "1", "b", time.Hour)
		require.NoError(t, err)
		count := func() int { return pgtest.QueryInt(t, database, "SELECT count(*) FROM backplane_sessions") }
		backdate(t, database, 100*time.Second)
		require.NoError(t, s.ExpireSessions(within(t), "app#/", 45*time.Second))
		require.Equal(t, 1, count(), "its owner may still save it")
		backdate(t, database, 10*time.Second)
		require.NoError(t, s.ExpireSessions(within(t), "app#/", 45*time.Second))
		require.Zero(t, count())
	})
}

// TestCallsForTheSameSessionsDoNotLockEachOtherOut: all kinds of calls on the same sessions, in different orders.
func TestCallsForTheSameSessionsDoNotLockEachOtherOut(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		var all, reversed []storage.SavedSession
		var keys []string
		for i := range 200 {
			all = append(all, session("a", fmt.Sprint(i), "state"))
			keys = append(keys, fmt.Sprint(i))
		}
		reversed = slices.Clone(all)
		slices.Reverse(reversed)
		s := newSessions(t, k, database, postgres.Config{})
		var calls sync.WaitGroup
		for _, call := range []func() error{
			func() error { return s.SaveSessions(within(t), all...) },
			func() error { return s.SaveSessions(within(t), reversed...) },
			func() error { return s.AbandonSessions(within(t), "app#/", "a") },
			func() error { return s.RemoveSessions(within(t), "app#/", "a", keys...) },
			func() error { return s.ExpireSessions(within(t), "app#/", 0) },
		} {
			for range 2 {
				calls.Go(func() {
					for range 20 {
						if err := call(); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		calls.Wait()
		require.Zero(t, pgtest.QueryInt(t, database, "SELECT deadlocks FROM pg_stat_database "+
			"WHERE datname = current_database()"))
	})
}

func TestTextThatSessionsCannotHoldIsRefused(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := newSessions(t, k, pgtest.Database(t), postgres.Config{})
		longest := strings.Repeat("x", 255)
		require.NoError(t, s.SaveSessions(within(t),
			storage.SavedSession{Scope: longest, Key: longest, Owner: longest}))
		_, err := s.TakeSession(within(t), longest, longest, longest, time.Hour)
		require.NoError(t, err)
		for _, text := range []string{longest + "x", "a\x00b", "\xff"} {
			require.Error(t, s.SaveSessions(within(t), session("a", text, "")))
			require.Error(t, s.SaveSessions(within(t), session(text, "k", "")))
			_, err := s.TakeSession(within(t), "app#/", text, "a", time.Hour)
			require.Error(t, err)
			require.NotErrorIs(t, err, storage.ErrNotFound)
			require.Error(t, s.RemoveSessions(within(t), "app#/", "a", text))
			require.Error(t, s.AbandonSessions(within(t), "app#/", text))
			require.Error(t, s.ExpireSessions(within(t), text, 0))
		}
		all, err := s.SessionOwners(within(t), "app#/")
		require.NoError(t, err)
		require.Empty(t, all, "nothing was saved")
	})
}
