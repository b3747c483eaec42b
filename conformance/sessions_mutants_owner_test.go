package conformance_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

var sessionsOwnerMutants = []mutant[conformance.SessionsHarness]{
	saves("OnlyTheOwnerChangesASession", "saves for anybody",
		func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error {
			for _, saved := range sessions {
				_, _ = s.Sessions.TakeSession(ctx, saved.Scope, saved.Key, saved.Owner, time.Hour)
				if err := s.Sessions.SaveSessions(ctx, saved); err != nil {
					return err
				}
			}
			return nil
		}),
	saves("OnlyTheOwnerChangesASession", "fails for the session of another",
		func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error {
			if slices.ContainsFunc(sessions, func(saved storage.SavedSession) bool {
				return string(saved.State) == "foreign"
			}) {
				return errors.New("not the owner")
			}
			return s.Sessions.SaveSessions(ctx, sessions...)
		}),
	saves("OnlyTheOwnerChangesASession", "stops at the session of another",
		func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error {
			if len(sessions) > 0 && string(sessions[0].State) == "foreign" {
				return ctx.Err()
			}
			return s.Sessions.SaveSessions(ctx, sessions...)
		}),
	breaksSessions("OnlyTheOwnerChangesASession", "removes for anybody", func(s *sessionStore) {
		s.remove = func(ctx context.Context, scope, owner string, keys []string) error {
			for _, key := range keys {
				_, _ = s.Sessions.TakeSession(ctx, scope, key, owner, time.Hour)
			}
			return s.Sessions.RemoveSessions(ctx, scope, owner, keys...)
		}
	}),
	breaksSessions("OnlyTheOwnerChangesASession", "removes for the owner before", func(s *sessionStore) {
		before := make(map[string]string)
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
			if err == nil {
				before[saved.Owner+key] = owner
			}
			return saved, err
		}
		s.remove = func(ctx context.Context, scope, owner string, keys []string) error {
			for _, key := range keys {
				if now, ok := before[owner+key]; ok {
					_ = s.Sessions.RemoveSessions(ctx, scope, now, key)
				}
			}
			return s.Sessions.RemoveSessions(ctx, scope, owner, keys...)
		}
	}),
	breaksSessions("OnlyTheOwnerChangesASession", "removes nothing that was taken", func(s *sessionStore) {
		s.remove = func(ctx context.Context, scope, owner string, keys []string) error {
			if owner == "four" {
				return ctx.Err()
			}
			return s.Sessions.RemoveSessions(ctx, scope, owner, keys...)
		}
	}),

	lists("OwnersOfConnectedClients", "lists owners of clients that are away",
		func(s *sessionStore, owners []string, scope string) []string {
			for _, owner := range []string{"b", "c"} {
				if s.Len(scope) == 5 && !slices.Contains(owners, owner) {
					owners = append(owners, owner)
				}
			}
			return owners
		}),
	lists("OwnersOfConnectedClients", "lists an owner for each session",
		func(_ *sessionStore, owners []string, _ string) []string {
			return append(owners, owners[:min(1, len(owners))]...)
		}),
	lists("OwnersOfConnectedClients", "does not list those that have taken a session",
		func(_ *sessionStore, owners []string, _ string) []string {
			return slices.DeleteFunc(owners, func(owner string) bool { return owner == "e" || owner == "f" })
		}),
	breaksSessions("OwnersOfConnectedClients", "lists the owners of all scopes", func(s *sessionStore) {
		s.owners = func(ctx context.Context, scope string) ([]string, error) {
			owners, err := s.Sessions.SessionOwners(ctx, scope)
			more, _ := s.Sessions.SessionOwners(ctx, strings.TrimSuffix(scope, "s")+"other")
			return append(owners, more...), err
		}
	}),

	abandons("does nothing", func(*sessionStore, context.Context, string, string) error { return nil }),
	abandons("forgets the sessions", func(s *sessionStore, ctx context.Context, scope, owner string) error {
		return s.Sessions.RemoveSessions(ctx, scope, owner, "connected", "taken")
	}),
	abandons("abandons those of all nodes", func(s *sessionStore, ctx context.Context, scope, owner string) error {
		return errors.Join(s.Sessions.AbandonSessions(ctx, scope, owner),
			s.Sessions.AbandonSessions(ctx, scope, "alive"))
	}),
	abandons("abandons in all scopes", func(s *sessionStore, ctx context.Context, scope, owner string) error {
		return errors.Join(s.Sessions.AbandonSessions(ctx, scope, owner),
			s.Sessions.AbandonSessions(ctx, scope+"2", owner))
	}),
	abandons("keeps what was taken", func(s *sessionStore, ctx context.Context, scope, owner string) error {
		err := s.Sessions.AbandonSessions(ctx, scope, owner)
		_, _ = s.Sessions.TakeSession(ctx, scope, "taken", owner, time.Hour)
		_ = s.Sessions.RemoveSessions(ctx, scope, owner, "taken")
		return err
	}),
	abandons("counts anew each time", func(s *sessionStore, ctx context.Context, scope, owner string) error {
		for _, key := range []string{"expires 0", "expires 1"} {
			if saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, time.Hour); err == nil {
				saved.Away = false
				_ = s.Sessions.SaveSessions(ctx, saved)
			}
		}
		return s.Sessions.AbandonSessions(ctx, scope, owner)
	}),
}

// lists returns a mutant with other owners.
func lists(
	check, bug string, change func(s *sessionStore, owners []string, scope string) []string,
) mutant[conformance.SessionsHarness] {
	return breaksSessions(check, bug, func(s *sessionStore) {
		s.owners = func(ctx context.Context, scope string) ([]string, error) {
			owners, err := s.Sessions.SessionOwners(ctx, scope)
			return change(s, owners, scope), err
		}
	})
}

// abandons returns a mutant with another AbandonSessions.
func abandons(
	bug string, abandon func(s *sessionStore, ctx context.Context, scope, owner string) error,
) mutant[conformance.SessionsHarness] {
	return breaksSessions("AbandonedSessionsCanBeTaken", bug, func(s *sessionStore) {
		s.abandon = func(ctx context.Context, scope, owner string) error { return abandon(s, ctx, scope, owner) }
	})
}
