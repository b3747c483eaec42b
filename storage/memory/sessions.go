package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/backplane-go/backplane/storage"
)

var _ storage.Sessions = (*Sessions)(nil)

// Sessions keeps sessions of clients in memory until they are removed or expire. Create it with NewSessions and pass it
// to every node. A Store has one of its own.
type Sessions struct {
	mu     sync.Mutex
	scopes map[string]map[string]*session // by scope and key
}

// session is a session that was saved.
type session struct {
	saved storage.SavedSession
	away  time.Time // since when the client is away; zero if it is not
	taken bool      // and not saved since
}

// NewSessions returns an empty Sessions.
func NewSessions() *Sessions { return &Sessions{scopes: make(map[string]map[string]*session)} }

// PrepareSessions does nothing.
func (s *Sessions) PrepareSessions(ctx context.Context) error { return ctx.Err() }

// SaveSessions keeps copies of sessions that no other node owns. If a text is longer than 255 bytes or malformed, it
// saves nothing.
func (s *Sessions) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, saved := range sessions {
		if err := checkTexts(saved.Scope, saved.Key, saved.Owner); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, saved := range sessions {
		saved.State = bytes.Clone(saved.State)
		keys := s.scopes[saved.Scope]
		if keys == nil {
			keys = make(map[string]*session)
			s.scopes[saved.Scope] = keys
		}
		old := keys[saved.Key]
		if old != nil && old.saved.Owner != saved.Owner {
			continue
		}
		session := &session{saved: saved}
		if saved.Away {
			session.away = time.Now()
			if old != nil && !old.away.IsZero() {
				session.away = old.away
			}
		}
		keys[saved.Key] = session
	}
	return nil
}

// TakeSession implements storage.Sessions.
func (s *Sessions) TakeSession(
	ctx context.Context, scope, key, owner string, maxAway time.Duration,
) (storage.SavedSession, error) {
	if err := ctx.Err(); err != nil {
		return storage.SavedSession{}, err
	}
	if err := checkTexts(scope, key, owner); err != nil {
		return storage.SavedSession{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.scopes[scope][key]
	if session == nil || session.taken || session.awayLongerThan(maxAway) {
		return storage.SavedSession{}, storage.ErrNotFound
	}
	saved := session.saved
	saved.State = bytes.Clone(saved.State)
	session.saved.Owner, session.taken, session.away = owner, true, time.Time{}
	return saved, nil
}

// RemoveSessions implements storage.Sessions.
func (s *Sessions) RemoveSessions(ctx context.Context, scope, owner string, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if session := s.scopes[scope][key]; session != nil && session.saved.Owner == owner {
			s.remove(scope, key)
		}
	}
	return nil
}

// SessionOwners implements storage.Sessions. The owners are sorted.
func (s *Sessions) SessionOwners(ctx context.Context, scope string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[string]bool)
	var owners []string
	for _, session := range s.scopes[scope] {
		if owner := session.saved.Owner; session.away.IsZero() && !seen[owner] {
			seen[owner] = true
			owners = append(owners, owner)
		}
	}
	slices.Sort(owners)
	return owners, nil
}

// AbandonSessions implements storage.Sessions.
func (s *Sessions) AbandonSessions(ctx context.Context, scope, owner string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, session := range s.scopes[scope] {
		if session.saved.Owner != owner {
			continue
		}
		session.taken = false
		if session.away.IsZero() {
			session.away = now
			session.saved.Away = true
		}
	}
	return nil
}

// ExpireSessions implements storage.Sessions.
func (s *Sessions) ExpireSessions(ctx context.Context, scope string, maxAway time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, session := range s.scopes[scope] {
		if session.awayLongerThan(maxAway) {
			s.remove(scope, key)
		}
	}
	return nil
}

// Len returns the number of sessions in a scope.
func (s *Sessions) Len(scope string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.scopes[scope])
}

// remove removes a session. The caller holds s.mu.
func (s *Sessions) remove(scope, key string) {
	delete(s.scopes[scope], key)
	if len(s.scopes[scope]) == 0 {
		delete(s.scopes, scope)
	}
}

// awayLongerThan reports whether the client has been away for longer than max.
func (s *session) awayLongerThan(max time.Duration) bool {
	return !s.away.IsZero() && time.Since(s.away) > max
}

func checkTexts(texts ...string) error {
	for _, text := range texts {
		if len(text) > 255 || !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			return fmt.Errorf("memory: %.80q is not text of up to 255 bytes: valid UTF-8 without NUL", text)
		}
	}
	return nil
}
