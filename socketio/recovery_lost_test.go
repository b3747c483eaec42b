package socketio_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/storage"
	storagememory "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport/memory"
)

// forgetfulSessions are sessions that can be lost all at once, as PostgreSQL loses them in a crash.
type forgetfulSessions struct {
	storage.Sessions

	mu     sync.Mutex // guards stored
	stored *storagememory.Sessions
}

func (f *forgetfulSessions) now() *storagememory.Sessions {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stored
}

func (f *forgetfulSessions) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stored = storagememory.NewSessions()
}

func (f *forgetfulSessions) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	return f.now().SaveSessions(ctx, sessions...)
}

func (f *forgetfulSessions) TakeSession(
	ctx context.Context, scope, key, owner string, maxAway time.Duration,
) (storage.SavedSession, error) {
	return f.now().TakeSession(ctx, scope, key, owner, maxAway)
}

func (f *forgetfulSessions) SessionOwners(ctx context.Context, scope string) ([]string, error) {
	return f.now().SessionOwners(ctx, scope)
}

// A store that has lost the sessions of connected clients gets them again, without any message in between.
func TestSessionsThatTheStoreHasLostAreStoredAgain(t *testing.T) {
	hub := memory.NewHub()
	store := &forgetfulSessions{Sessions: storagememory.NewSessions()}
	store.forget()
	nodes := logged(t, hub, 2, func(c *socketio.Config) {
		c.Recovery = &socketio.Recovery{MaxDisconnection: 4 * time.Second, Sessions: store}
	})
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	r := enter(t, a, "")
	onA.next(t)
	stored := func() bool {
		owners, err := store.SessionOwners(t.Context(), a.Channel())
		return err == nil && len(owners) > 0
	}
	require.True(t, stored())
	store.forget()
	eventually(t, "the node finds out", stored)
	back := enter(t, b, r.auth())
	require.Equal(t, r.id, back.id)
	require.True(t, onB.next(t).Recovered(), "also while the old connection is open")
}
