package memory

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var _ storage.Sessions = (*Hub)(nil)

// reachable returns an error if the hub simulates an outage.
func (h *Hub) reachable(ctx context.Context) error {
	if err := h.waitForHeal(ctx, nil); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failure
}

// PrepareSessions implements storage.Sessions.
func (h *Hub) PrepareSessions(ctx context.Context) error { return h.reachable(ctx) }

// SaveSessions implements storage.Sessions.
func (h *Hub) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	if err := h.reachable(ctx); err != nil {
		return err
	}
	return h.clients.SaveSessions(ctx, sessions...)
}

// TakeSession implements storage.Sessions.
func (h *Hub) TakeSession(
	ctx context.Context, scope, key, owner string, maxAway time.Duration,
) (storage.SavedSession, error) {
	if err := h.reachable(ctx); err != nil {
		return storage.SavedSession{}, err
	}
	return h.clients.TakeSession(ctx, scope, key, owner, maxAway)
}

// RemoveSessions implements storage.Sessions.
func (h *Hub) RemoveSessions(ctx context.Context, scope, owner string, keys ...string) error {
	if err := h.reachable(ctx); err != nil {
		return err
	}
	return h.clients.RemoveSessions(ctx, scope, owner, keys...)
}

// SessionOwners implements storage.Sessions.
func (h *Hub) SessionOwners(ctx context.Context, scope string) ([]string, error) {
	if err := h.reachable(ctx); err != nil {
		return nil, err
	}
	return h.clients.SessionOwners(ctx, scope)
}

// AbandonSessions implements storage.Sessions.
func (h *Hub) AbandonSessions(ctx context.Context, scope, owner string) error {
	if err := h.reachable(ctx); err != nil {
		return err
	}
	return h.clients.AbandonSessions(ctx, scope, owner)
}

// ExpireSessions implements storage.Sessions.
func (h *Hub) ExpireSessions(ctx context.Context, scope string, maxAway time.Duration) error {
	if err := h.reachable(ctx); err != nil {
		return err
	}
	return h.clients.ExpireSessions(ctx, scope, maxAway)
}
