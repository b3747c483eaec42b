package conformance_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

var sessionsTakeMutants = []mutant[conformance.SessionsHarness]{
	breaksSessions("SessionsCanBePreparedAtOnce", "fails if another node prepares", func(s *sessionStore) {
		var mu sync.Mutex
		s.prepare = func(ctx context.Context) error {
			if !mu.TryLock() {
				return errors.New("relation already exists")
			}
			defer mu.Unlock()
			time.Sleep(time.Microsecond)
			return ctx.Err()
		}
	}),
	breaksSessions("SessionsCanBePreparedAtOnce", "begins anew", func(s *sessionStore) {
		var saved []storage.SavedSession
		s.save = func(ctx context.Context, sessions []storage.SavedSession) error {
			saved = append(saved, sessions...)
			return s.Sessions.SaveSessions(ctx, sessions...)
		}
		s.prepare = func(ctx context.Context) error {
			for _, old := range saved {
				_ = s.Sessions.RemoveSessions(ctx, old.Scope, old.Owner, old.Key)
			}
			return ctx.Err()
		}
	}),
	takes("SavedSessionsAreTaken", "returns the new owner", func(saved *storage.SavedSession, owner string) {
		saved.Owner = owner
	}),
	takes("SavedSessionsAreTaken", "does not know who is away", func(saved *storage.SavedSession, _ string) {
		saved.Away = false
	}),
	takes("SavedSessionsAreTaken", "cuts states at 64 KiB", func(saved *storage.SavedSession, _ string) {
		saved.State = saved.State[:min(len(saved.State), 1<<16)]
	}),
	takes("SavedSessionsAreTaken", "keeps text only", func(saved *storage.SavedSession, _ string) {
		saved.State = []byte(strings.ToValidUTF8(string(saved.State), "?"))
	}),
	saves("SavedSessionsAreTaken", "keeps the first state",
		func(s *sessionStore, ctx context.Context, sessions []storage.SavedSession) error {
			for _, saved := range sessions {
				if old, err := s.Sessions.TakeSession(ctx, saved.Scope, saved.Key, saved.Owner, time.Hour); err == nil {
					saved.State = old.State
				}
				if err := s.Sessions.SaveSessions(ctx, saved); err != nil {
					return err
				}
			}
			return nil
		}),
	breaksSessions("SavedSessionsAreTaken", "retains the state", func(s *sessionStore) {
		states := make(map[string][]byte)
		s.save = func(ctx context.Context, sessions []storage.SavedSession) error {
			for _, saved := range sessions {
				states[saved.Key] = saved.State
			}
			return s.Sessions.SaveSessions(ctx, sessions...)
		}
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
			saved.State = states[key]
			return saved, err
		}
	}),
	breaksSessions("SavedSessionsAreTaken", "refuses the owner's own session", func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
			if err == nil && saved.Owner == owner {
				err = storage.ErrNotFound
			}
			return saved, err
		}
	}),

	breaksSessions("SessionsAreTakenOnce", "gives a session to all who take it at once", func(s *sessionStore) {
		var mu sync.Mutex
		taken := make(map[string]storage.SavedSession)
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				taken[key] = saved
			} else if before, ok := taken[key]; ok && strings.HasPrefix(owner, "taker") {
				return before, nil
			}
			return saved, err
		}
	}),
	breaksSessions("SessionsAreTakenOnce", "gives a session to nobody if many take it", func(s *sessionStore) {
		var mu sync.Mutex
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			if !mu.TryLock() {
				return storage.SavedSession{}, errors.New("could not serialize access")
			}
			defer mu.Unlock()
			time.Sleep(time.Microsecond)
			return s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
		}
	}),
	breaksSessions("SessionsAreTakenOnce", "gives a session again before it was saved", func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
			if err == nil {
				again := saved
				again.Owner = owner
				err = s.Sessions.SaveSessions(ctx, again)
			}
			return saved, err
		}
	}),
	breaksSessions("SessionsAreTakenOnce", "removes a session when it is taken", func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
			if err == nil {
				err = s.Sessions.SaveSessions(ctx, storage.SavedSession{Scope: scope, Key: key + "x", Owner: owner})
			}
			return saved, errors.Join(err, s.Sessions.AbandonSessions(ctx, scope, owner))
		}
	}),

	breaksSessions("UnknownSessionsAreNotFound", "removes nothing", func(s *sessionStore) {
		s.remove = func(ctx context.Context, _, _ string, _ []string) error { return ctx.Err() }
	}),
	breaksSessions("UnknownSessionsAreNotFound", "returns an empty session", func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
			if errors.Is(err, storage.ErrNotFound) {
				err = nil
			}
			return saved, err
		}
	}),
	breaksSessions("UnknownSessionsAreNotFound", "has another error for unknown sessions", func(s *sessionStore) {
		s.take = func(
			ctx context.Context, scope, key, owner string, maxAway time.Duration,
		) (storage.SavedSession, error) {
			saved, err := s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
			if errors.Is(err, storage.ErrNotFound) {
				err = errors.New("no rows in result set")
			}
			return saved, err
		}
	}),
	namesSessions("UnknownSessionsAreNotFound", "ignores case", strings.ToLower),
	namesSessions("UnknownSessionsAreNotFound", "trims spaces", strings.TrimSpace),
}
