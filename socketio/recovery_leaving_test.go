package socketio_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport/memory"
)

// slowSessions is a store that does not answer one call of a node until release gets a value.
type slowSessions struct {
	*watchedSessions
	owner         string // the node; set before any of its calls
	saving, takes bool   // the call
	began         *events[bool]
	release       chan struct{}
}

func newSlowSessions() *slowSessions {
	return &slowSessions{watchedSessions: newWatchedSessions(), began: newEvents[bool](),
		release: make(chan struct{})}
}

func (s *slowSessions) wait(ctx context.Context) error {
	s.began.add(true)
	select {
	case <-s.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slowSessions) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	err := s.watchedSessions.SaveSessions(ctx, sessions...)
	if s.saving && sessions[0].Owner == s.owner && !sessions[0].Away {
		return s.wait(ctx)
	}
	return err
}

func (s *slowSessions) TakeSession(ctx context.Context, scope, key, owner string, maxAway time.Duration) (
	storage.SavedSession, error) {
	saved, err := s.watchedSessions.TakeSession(ctx, scope, key, owner, maxAway)
	if s.takes && owner == s.owner {
		if err := s.wait(ctx); err != nil {
			return storage.SavedSession{}, err
		}
	}
	return saved, err
}

// comingTo makes a client, which is away and has missed an event, come to the second of three nodes. It returns when
// that waits for the store.
func comingTo(t *testing.T, store *slowSessions) (nodes []*node, r *recovering, coming *peer) {
	t.Helper()
	nodes = logged(t, memory.NewHub(), 3, func(c *socketio.Config) { c.Recovery.Sessions = store })
	store.owner = nodes[1].UID()
	r, s := begun(t, nodes[0], connected(nodes[0].Namespace))
	away(t, r, s)
	require.NoError(t, nodes[0].To("room").Emit(t.Context(), "missed"))
	coming = dial(t, nodes[1])
	coming.send("0%s", r.auth())
	store.began.next(t)
	return nodes, r, coming
}

// recoveredWith requires that a client that comes to a node is recovered and gets what it has missed.
func recoveredWith(t *testing.T, n *node, r *recovering) {
	t.Helper()
	back := enter(t, n, r.auth())
	require.Equal(t, r.id, back.id)
	require.Equal(t, "missed", back.event())
}

// A client that was about to be recovered is lost before it can have been told so, and before it was sent what it has
// missed. It is recovered elsewhere.
func TestAClientThatIsLostBeforeItIsTold(t *testing.T) {
	for name, lose := range map[string]func(*node, *peer){
		"Lost":     func(_ *node, p *peer) { _ = p.conn.Close() },
		"Shutdown": func(n *node, _ *peer) { go n.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			store := newSlowSessions()
			store.saving = true
			nodes, r, coming := comingTo(t, store)
			s := nodes[1].Socket(r.id)
			lose(nodes[1], coming)
			<-s.Context().Done()
			close(store.release)
			for saved := store.saved.next(t); !saved.Away || saved.Owner != store.owner; saved = store.saved.next(t) {
			}
			recoveredWith(t, nodes[2], r)
		})
	}
}

// A server is closed while it takes over the session of a client. Another one can have it at once.
func TestCloseWhileAClientIsRecovered(t *testing.T) {
	store := newSlowSessions()
	store.takes = true
	nodes, r, coming := comingTo(t, store)
	closed := make(chan error)
	go func() { closed <- nodes[1].Close(context.Background()) }()
	for coming.next() != "closed" {
	}
	store.release <- struct{}{}
	require.NoError(t, <-closed)
	recoveredWith(t, nodes[2], r)
}
