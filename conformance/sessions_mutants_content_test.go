package conformance_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

func sessionsContentMutants() []mutant[conformance.SessionsHarness] {
	return []mutant[conformance.SessionsHarness]{
		namesSessions("ScopesAndKeysAreLiteral", "ignores case", strings.ToLower),
		namesSessions("ScopesAndKeysAreLiteral", "trims spaces", strings.TrimSpace),
		namesSessions("ScopesAndKeysAreLiteral", "cuts names at 254 bytes",
			func(name string) string { return name[:min(len(name), 254)] }),
		namesSessions("ScopesAndKeysAreLiteral", "replaces control characters", func(name string) string {
			return strings.Map(func(r rune) rune {
				if r < ' ' {
					return ' '
				}
				return r
			}, name)
		}),
		takes("ScopesAndKeysAreLiteral", "cuts owners", func(saved *storage.SavedSession, _ string) {
			saved.Owner = saved.Owner[:min(len(saved.Owner), 64)]
		}),

		saves("ManySessionsAreSaved", "saves the first 1,000",
			func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error {
				return s.Sessions.SaveSessions(ctx, sessions[:min(len(sessions), 1000)]...)
			}),
		saves("ManySessionsAreSaved", "saves the first of two",
			func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error {
				slices.Reverse(sessions)
				return s.Sessions.SaveSessions(ctx, sessions...)
			}),
		saves("ManySessionsAreSaved", "fails if a session is there twice",
			func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error {
				seen := make(map[string]bool)
				for _, saved := range sessions {
					if seen[saved.Key] {
						return errors.New("cannot affect row a second time")
					}
					seen[saved.Key] = true
				}
				return s.Sessions.SaveSessions(ctx, sessions...)
			}),
		breaksSessions("ManySessionsAreSaved", "removes the first 1,000", func(s *sessionStore) {
			s.remove = func(ctx context.Context, scope, owner string, keys []string) error {
				return s.Sessions.RemoveSessions(ctx, scope, owner, keys[:min(len(keys), 1000)]...)
			}
		}),

		breaksSessions("SessionsAreUsedConcurrently", "fails if two nodes save at once", func(s *sessionStore) {
			var saving atomic.Int32
			s.save = func(ctx context.Context, sessions []storage.SavedSession) error {
				defer saving.Add(-1)
				if saving.Add(1) > 1 {
					return errors.New("deadlock detected")
				}
				time.Sleep(time.Microsecond)
				return s.Sessions.SaveSessions(ctx, sessions...)
			}
		}),
		breaksSessions("SessionsAreUsedConcurrently", "mixes up sessions", func(s *sessionStore) {
			var last atomic.Pointer[storage.SavedSession]
			s.take = func(
				ctx context.Context, scope, key, owner string, maxAway time.Duration,
			) (storage.SavedSession, error) {
				saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
				last.Store(&saved)
				time.Sleep(time.Microsecond)
				return *last.Load(), err
			}
		}),
	}
}

// sessionsContextMutants returns the mutants in which a method ignores its context.
func sessionsContextMutants() (all []mutant[conformance.SessionsHarness]) {
	for _, method := range []string{
		"PrepareSessions", "SaveSessions", "TakeSession", "RemoveSessions", "SessionOwners", "AbandonSessions",
		"ExpireSessions",
	} {
		all = append(all, breaksSessions("StalledSessionsEnd", method+" ignores its context",
			func(s *sessionStore) { s.ignores = method }))
	}
	none := context.Background()
	for method, change := range map[string]func(s *sessionStore){
		"SaveSessions": func(s *sessionStore) {
			s.save = func(_ context.Context, sessions []storage.SavedSession) error {
				return s.Sessions.SaveSessions(none, sessions...)
			}
		},
		"TakeSession": func(s *sessionStore) {
			s.take = func(
				_ context.Context, scope, key, owner string, maxAway time.Duration,
			) (storage.SavedSession, error) {
				return s.Sessions.TakeSession(none, scope, key, owner, maxAway)
			}
		},
		"RemoveSessions": func(s *sessionStore) {
			s.remove = func(_ context.Context, scope, owner string, keys []string) error {
				return s.Sessions.RemoveSessions(none, scope, owner, keys...)
			}
		},
		"SessionOwners": func(s *sessionStore) {
			s.owners = func(_ context.Context, scope string) ([]string, error) {
				return s.Sessions.SessionOwners(none, scope)
			}
		},
		"AbandonSessions": func(s *sessionStore) { // it returns the right error, after it has worked
			s.abandon = func(ctx context.Context, scope, owner string) error {
				return errors.Join(s.Sessions.AbandonSessions(none, scope, owner), ctx.Err())
			}
		},
		"ExpireSessions": func(s *sessionStore) {
			s.expire = func(ctx context.Context, scope string, maxAway time.Duration) error {
				return errors.Join(s.Sessions.ExpireSessions(none, scope, maxAway), ctx.Err())
			}
		},
	} {
		all = append(all, breaksSessions("EndedContextChangesNothing", method+" ignores its context", change))
	}
	return all
}
