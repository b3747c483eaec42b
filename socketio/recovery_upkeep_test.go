package socketio_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/storage"
	storagememory "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport/memory"
)

// watchedSessions records what the upkeep does.
type watchedSessions struct {
	storage.Sessions
	saved     *events[storage.SavedSession]
	abandoned *events[string]    // owners
	expired   *events[time.Time] // when expired sessions were removed

	mu    sync.Mutex           // guards first
	first map[string]time.Time // when an owner was first returned
}

func newWatchedSessions() *watchedSessions {
	return &watchedSessions{Sessions: storagememory.NewSessions(), saved: newEvents[storage.SavedSession](),
		abandoned: newEvents[string](), expired: newEvents[time.Time](), first: make(map[string]time.Time)}
}

func (w *watchedSessions) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	err := w.Sessions.SaveSessions(ctx, sessions...)
	for _, s := range sessions {
		w.saved.add(s)
	}
	return err
}

func (w *watchedSessions) SessionOwners(ctx context.Context, scope string) ([]string, error) {
	owners, err := w.Sessions.SessionOwners(ctx, scope)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, owner := range owners {
		if _, known := w.first[owner]; !known {
			w.first[owner] = time.Now()
		}
	}
	return owners, err
}

func (w *watchedSessions) AbandonSessions(ctx context.Context, scope, owner string) error {
	err := w.Sessions.AbandonSessions(ctx, scope, owner)
	w.abandoned.add(owner)
	return err
}

func (w *watchedSessions) ExpireSessions(ctx context.Context, scope string, maxAway time.Duration) error {
	began := time.Now()
	err := w.Sessions.ExpireSessions(ctx, scope, maxAway)
	w.expired.add(began)
	return err
}

// owners returns the owners of sessions of connected clients.
func (w *watchedSessions) owners(t *testing.T, n *node) []string {
	t.Helper()
	owners, err := w.Sessions.SessionOwners(t.Context(), n.Channel())
	require.NoError(t, err)
	return owners
}

// The clients of a node that is gone without a word are away once it was absent for long enough, and their sessions
// expire. Those of nodes that are there stay, however long their clients are connected.
func TestSessionsOfAnAbsentNodeExpire(t *testing.T) {
	t.Parallel()
	const maxAway = 400 * time.Millisecond
	store := newWatchedSessions()
	nodes := logged(t, memory.NewHub(), 2, func(c *socketio.Config) {
		c.Recovery = &socketio.Recovery{MaxDisconnection: maxAway, Sessions: store}
	})
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	begun(t, a, onA)
	r, s := begun(t, b, onB)
	saved := storage.SavedSession{Scope: a.Channel(), Key: "client", Owner: "absent", State: []byte("x")}
	require.NoError(t, store.SaveSessions(t.Context(), saved))
	require.Contains(t, store.owners(t, a), "absent")

	require.Equal(t, "absent", store.abandoned.next(t))
	store.mu.Lock()
	require.GreaterOrEqual(t, time.Since(store.first["absent"]), maxAway, "it may be back soon")
	store.mu.Unlock()
	require.ElementsMatch(t, []string{a.UID(), b.UID()}, store.owners(t, a))
	for gone := time.Now(); store.expired.next(t).Before(gone.Add(maxAway + time.Millisecond)); {
	}
	_, err := store.TakeSession(t.Context(), a.Channel(), "client", "other", time.Hour)
	require.ErrorIs(t, err, storage.ErrNotFound)
	store.abandoned.none(t)
	require.ElementsMatch(t, []string{a.UID(), b.UID()}, store.owners(t, a))
	away(t, r, s)
	require.Equal(t, r.id, enter(t, a, r.auth()).id)
}

// Nodes that could not hear another one may have taken its clients to be away. They are connected again in the store
// once it notices.
func TestSessionsOfANodeThatIsBackAreConnectedAgain(t *testing.T) {
	t.Parallel()
	store := newWatchedSessions()
	nodes := logged(t, memory.NewHub(), 2, func(c *socketio.Config) {
		c.Recovery = &socketio.Recovery{MaxDisconnection: 2 * time.Second, Sessions: store}
	})
	a, b := nodes[0], nodes[1]
	onA := connected(a.Namespace)
	r, s := begun(t, a, onA)
	require.NoError(t, store.Sessions.AbandonSessions(t.Context(), a.Channel(), a.UID()))
	require.Empty(t, store.owners(t, a))
	eventually(t, "its session is that of a connected client", func() bool { return len(store.owners(t, a)) == 1 })
	require.Equal(t, []string{a.UID()}, store.owners(t, a))
	away(t, r, s)
	require.Equal(t, r.id, enter(t, b, r.auth()).id)
}

// The sessions of a process that was killed are found by the absence of its node, and expire. Those of a node that is
// there stay.
func TestSessionsOfAKilledProcessExpire(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	b := loggedOn(t, pgxBus(t, url), func(c *socketio.Config) { c.Recovery.MaxDisconnection = 2 * time.Second })
	onB := connected(b.Namespace)
	killed := startServer(t, url)
	require.NoError(t, b.WaitForPeers(t.Context(), 1))
	r, s := begun(t, b, onB)
	enter(t, killed.node, "")
	enter(t, killed.node, "")
	count := func(condition string) int {
		return pgtest.QueryInt(t, url, "SELECT count(*) FROM backplane_sessions WHERE "+condition)
	}
	eventually(t, "all sessions are stored", func() bool { return count("since IS NULL") == 3 })
	killed.kill()
	eventually(t, "the clients of the killed node are away", func() bool { return count("since IS NULL") == 1 })
	eventually(t, "their sessions have expired", func() bool { return count("true") == 1 })
	away(t, r, s)
	require.Equal(t, r.id, enter(t, b, r.auth()).id)
}
