package conformance_test

import (
	"context"
	"math"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

var sessionsAwayMutants = []mutant[conformance.SessionsHarness]{
	breaksSessions("AwayClientsAreFoundForAWhile", "ignores maxAway", func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, _ time.Duration,
		) (storage.SavedSession, error) {
			return s.Sessions.TakeSession(ctx, scope, key, owner, math.MaxInt64)
		}
	}),
	saves("AwayClientsAreFoundForAWhile", "counts from the last save",
		func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error {
			for _, saved := range sessions {
				if saved.Away {
					saved.Away = false
					_ = s.Sessions.SaveSessions(ctx, saved)
				}
			}
			return s.Sessions.SaveSessions(ctx, sessions...)
		}),
	saves("AwayClientsAreFoundForAWhile", "counts from the first save",
		func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error {
			for i := range sessions {
				sessions[i].Away = true
			}
			return s.Sessions.SaveSessions(ctx, sessions...)
		}),
	breaksSessions("AwayClientsAreFoundForAWhile", "removes what was away for too long", func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			_ = s.Sessions.ExpireSessions(ctx, scope, maxAway)
			return s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
		}
	}),
	breaksSessions("AwayClientsAreFoundForAWhile", "overflows with the longest time", func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			return s.Sessions.TakeSession(ctx, scope, key, owner, maxAway+time.Nanosecond)
		}
	}),
	breaksSessions("AwayClientsAreFoundForAWhile", "finds for half of the time", func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			if maxAway < time.Minute {
				maxAway = -1
			}
			return s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
		}
	}),

	expires("ExpireRemovesAwayClients", "expires nothing", func(*sessionStore, string, time.Duration) time.Duration {
		return math.MaxInt64
	}),
	expires("ExpireRemovesAwayClients", "expires all who are away",
		func(*sessionStore, string, time.Duration) time.Duration { return -1 }),
	expires("ExpireRemovesAwayClients", "expires connected clients, too",
		func(s *sessionStore, scope string, maxAway time.Duration) time.Duration {
			if maxAway < time.Minute {
				_ = s.Sessions.RemoveSessions(context.Background(), scope, "one", "connected")
			}
			return maxAway
		}),
	expires("ExpireRemovesAwayClients", "expires in all scopes",
		func(s *sessionStore, scope string, maxAway time.Duration) time.Duration {
			_ = s.Sessions.ExpireSessions(context.Background(), scope+"2", maxAway)
			return maxAway
		}),
	expires("ExpireRemovesAwayClients", "expires what was taken",
		func(s *sessionStore, scope string, maxAway time.Duration) time.Duration {
			if maxAway < time.Minute {
				_ = s.Sessions.AbandonSessions(context.Background(), scope, "two")
				_ = s.Sessions.RemoveSessions(context.Background(), scope, "two", "taken")
				_ = s.Sessions.SaveSessions(context.Background(),
					storage.SavedSession{Scope: scope, Key: "taken", Owner: "nobody"})
			}
			return maxAway
		}),
}

// expires returns a mutant whose ExpireSessions has another maxAway.
func expires(
	check, bug string, change func(s *sessionStore, scope string, maxAway time.Duration) time.Duration,
) mutant[conformance.SessionsHarness] {
	return breaksSessions(check, bug, func(s *sessionStore) {
		s.expire = func(ctx context.Context, scope string, maxAway time.Duration) error {
			return s.Sessions.ExpireSessions(ctx, scope, change(s, scope, maxAway))
		}
	})
}
