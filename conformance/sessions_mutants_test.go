package conformance_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

func TestSessionsSuite(t *testing.T) {
	suiteTest[conformance.SessionsHarness]{
		checks: conformance.SessionsChecks(),
		why:    conformance.SessionsWhy,
		run:    conformance.CheckSessions,
		good:   func(*testing.T) conformance.SessionsHarness { return newSessionStore().harness() },
		mutants: slices.Concat(sessionsTakeMutants, sessionsOwnerMutants, sessionsAwayMutants, sessionsContentMutants(),
			sessionsContextMutants()),
		virtualClock: true,
	}.test(t)
}

func TestMissingStallOfSessionsSkipsByName(t *testing.T) {
	s := memory.NewSessions()
	h := conformance.SessionsHarness{NewSessions: func(testing.TB) storage.Sessions { return s }}
	r := record(t, func(tb testing.TB) { conformance.CheckSessions(tb, "StalledSessionsEnd", h) })
	require.True(t, r.skipped)
	require.Contains(t, r.text, "SessionsHarness.Stall is nil")
}

// sessionStore is a correct storage.Sessions whose methods can be replaced.
type sessionStore struct {
	*memory.Sessions
	stalled *stallGate
	ignores string // the method that ignores its context
	prepare func(ctx context.Context) error
	save    func(ctx context.Context, sessions []storage.SavedSession) error
	take    takeFunc
	remove  func(ctx context.Context, scope, owner string, keys []string) error
	owners  func(ctx context.Context, scope string) ([]string, error)
	abandon func(ctx context.Context, scope, owner string) error
	expire  func(ctx context.Context, scope string, maxAway time.Duration) error
}

type takeFunc func(ctx context.Context, scope, key, owner string, maxAway time.Duration) (storage.SavedSession, error)

func newSessionStore() *sessionStore {
	inner, gate := memory.NewSessions(), &stallGate{}
	return &sessionStore{Sessions: inner, stalled: gate,
		prepare: inner.PrepareSessions, take: inner.TakeSession, owners: inner.SessionOwners,
		abandon: inner.AbandonSessions, expire: inner.ExpireSessions,
		save: func(ctx context.Context, sessions []storage.SavedSession) error {
			return inner.SaveSessions(ctx, sessions...)
		},
		remove: func(ctx context.Context, scope, owner string, keys []string) error {
			return inner.RemoveSessions(ctx, scope, owner, keys...)
		},
	}
}

func (s *sessionStore) harness() conformance.SessionsHarness {
	return conformance.SessionsHarness{
		NewSessions: func(testing.TB) storage.Sessions { return s },
		Stall:       func(testing.TB, storage.Sessions) (resume func()) { return s.stalled.begin() },
		Patience:    time.Second,
	}
}

// breaksSessions returns a mutant of a storage.Sessions.
func breaksSessions(check, bug string, change func(s *sessionStore)) mutant[conformance.SessionsHarness] {
	return mutant[conformance.SessionsHarness]{check, bug, func(*testing.T) conformance.SessionsHarness {
		s := newSessionStore()
		change(s)
		return s.harness()
	}}
}

// wait waits while the medium is stalled.
func (s *sessionStore) wait(ctx context.Context, method string) error {
	if s.ignores == method {
		ctx = context.Background()
	}
	return s.stalled.wait(ctx)
}

func (s *sessionStore) PrepareSessions(ctx context.Context) error {
	if err := s.wait(ctx, "PrepareSessions"); err != nil {
		return err
	}
	return s.prepare(ctx)
}

func (s *sessionStore) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	if err := s.wait(ctx, "SaveSessions"); err != nil {
		return err
	}
	return s.save(ctx, sessions)
}

func (s *sessionStore) TakeSession(
	ctx context.Context, scope, key, owner string, maxAway time.Duration,
) (storage.SavedSession, error) {
	if err := s.wait(ctx, "TakeSession"); err != nil {
		return storage.SavedSession{}, err
	}
	return s.take(ctx, scope, key, owner, maxAway)
}

func (s *sessionStore) RemoveSessions(ctx context.Context, scope, owner string, keys ...string) error {
	if err := s.wait(ctx, "RemoveSessions"); err != nil {
		return err
	}
	return s.remove(ctx, scope, owner, keys)
}

func (s *sessionStore) SessionOwners(ctx context.Context, scope string) ([]string, error) {
	if err := s.wait(ctx, "SessionOwners"); err != nil {
		return nil, err
	}
	return s.owners(ctx, scope)
}

func (s *sessionStore) AbandonSessions(ctx context.Context, scope, owner string) error {
	if err := s.wait(ctx, "AbandonSessions"); err != nil {
		return err
	}
	return s.abandon(ctx, scope, owner)
}

func (s *sessionStore) ExpireSessions(ctx context.Context, scope string, maxAway time.Duration) error {
	if err := s.wait(ctx, "ExpireSessions"); err != nil {
		return err
	}
	return s.expire(ctx, scope, maxAway)
}

// saves returns a mutant with another SaveSessions.
func saves(
	check, bug string, save func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error,
) mutant[conformance.SessionsHarness] {
	return breaksSessions(check, bug, func(s *sessionStore) {
		s.save = func(ctx context.Context, sessions []storage.SavedSession) error {
			return save(s, ctx, slices.Clone(sessions))
		}
	})
}

// takes returns a mutant that changes what TakeSession has taken.
func takes(
	check, bug string, change func(saved *storage.SavedSession, owner string),
) mutant[conformance.SessionsHarness] {
	return breaksSessions(check, bug, func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
			change(&saved, owner)
			return saved, err
		}
	})
}

// namesSessions returns a mutant that changes the names of sessions.
func namesSessions(check, bug string, name func(string) string) mutant[conformance.SessionsHarness] {
	return breaksSessions(check, bug, func(s *sessionStore) {
		s.save = func(ctx context.Context, sessions []storage.SavedSession) error {
			sessions = slices.Clone(sessions)
			for i := range sessions {
				sessions[i].Scope, sessions[i].Key = name(sessions[i].Scope), name(sessions[i].Key)
			}
			return s.Sessions.SaveSessions(ctx, sessions...)
		}
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, name(scope), name(key), owner, maxAway)
			saved.Scope, saved.Key = scope, key
			return saved, err
		}
	})
}
