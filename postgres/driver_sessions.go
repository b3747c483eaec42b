package postgres

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// PrepareSessions implements storage.Sessions. It checks whether the table of sessions can be used, and creates it if
// it is missing. It returns a *SetupError that says what to do, or a *NameError.
func (d *Driver) PrepareSessions(ctx context.Context) error { return d.store.PrepareSessions(ctx) }

// SaveSessions implements storage.Sessions. It takes one statement for up to 1024 sessions and 1 MiB. If it fails,
// some of the sessions may have been saved.
func (d *Driver) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	return d.store.SaveSessions(ctx, sessions...)
}

// TakeSession implements storage.Sessions. If the connection breaks, it tries again over other ones, and gets the
// session also if the server had received the first attempt. After any other error it is unknown whether the session
// was taken; then another call may return storage.ErrNotFound, and RemoveSessions removes what was taken.
func (d *Driver) TakeSession(
	ctx context.Context, scope, key, owner string, maxAway time.Duration,
) (storage.SavedSession, error) {
	return d.store.TakeSession(ctx, scope, key, owner, maxAway)
}

// RemoveSessions implements storage.Sessions.
func (d *Driver) RemoveSessions(ctx context.Context, scope, owner string, keys ...string) error {
	return d.store.RemoveSessions(ctx, scope, owner, keys...)
}

// SessionOwners implements storage.Sessions. The owners are sorted.
func (d *Driver) SessionOwners(ctx context.Context, scope string) ([]string, error) {
	return d.store.SessionOwners(ctx, scope)
}

// AbandonSessions implements storage.Sessions.
func (d *Driver) AbandonSessions(ctx context.Context, scope, owner string) error {
	return d.store.AbandonSessions(ctx, scope, owner)
}

// ExpireSessions implements storage.Sessions. It also removes a session that was taken, and not saved by its new owner
// until one minute after maxAway. It writes nothing if there is nothing to remove.
func (d *Driver) ExpireSessions(ctx context.Context, scope string, maxAway time.Duration) error {
	return d.store.ExpireSessions(ctx, scope, maxAway)
}
