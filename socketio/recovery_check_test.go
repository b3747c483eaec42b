package socketio_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/storage"
	storagememory "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// restartingLog is a log that cannot be read a number of times, as while its server restarts.
type restartingLog struct {
	transport.Log
	bounds, replays atomic.Int32 // failures to come
}

var errStarting = errors.New("the database system is starting up")

func (l *restartingLog) Bounds(ctx context.Context, channel string) (transport.Bounds, error) {
	if l.bounds.Add(-1) >= 0 {
		return transport.Bounds{}, errStarting
	}
	return l.Log.Bounds(ctx, channel)
}

func (l *restartingLog) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	if l.replays.Add(-1) >= 0 {
		return nil, errStarting
	}
	return l.Log.Replay(ctx, channel, after, limit)
}

// restartingSessions are sessions that cannot be taken a number of times.
type restartingSessions struct {
	storage.Sessions
	takes atomic.Int32 // failures to come
}

func (s *restartingSessions) TakeSession(
	ctx context.Context, scope, key, owner string, maxAway time.Duration,
) (storage.SavedSession, error) {
	if s.takes.Add(-1) >= 0 {
		return storage.SavedSession{}, errStarting
	}
	return s.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
}

// A client that comes while the log or its session cannot be read for a moment is recovered.
func TestAClientWaitsForADatabaseThatRestarts(t *testing.T) {
	for name, failures := range map[string]func(*restartingLog, *restartingSessions) *atomic.Int32{
		"Bounds":      func(l *restartingLog, _ *restartingSessions) *atomic.Int32 { return &l.bounds },
		"Replay":      func(l *restartingLog, _ *restartingSessions) *atomic.Int32 { return &l.replays },
		"TakeSession": func(_ *restartingLog, s *restartingSessions) *atomic.Int32 { return &s.takes },
	} {
		t.Run(name, func(t *testing.T) {
			hub := memory.NewHub()
			bus := &restartingLog{Log: hub}
			sessions := &restartingSessions{Sessions: storagememory.NewSessions()}
			shared := func(c *socketio.Config) { c.Recovery.Sessions = sessions }
			a, b := loggedOn(t, hub, shared), loggedOn(t, bus, shared, func(c *socketio.Config) {
				c.Recovery.Memory.MaxEvents = 1 // what the client has missed is read from the log
			})
			require.NoError(t, a.WaitForPeers(t.Context(), 1))
			r, s := begun(t, a, connected(a.Namespace))
			away(t, r, s)
			for range 3 {
				require.NoError(t, a.To("room").Emit(t.Context(), "missed"))
			}
			left := failures(bus, sessions)
			left.Store(4)
			recoveredWith(t, b, r)
			require.Negative(t, left.Load(), "it was tried again")
		})
	}
}

// failingSessions are sessions that cannot be saved as long as fail is set.
type failingSessions struct {
	storage.Sessions
	fail   atomic.Bool
	failed chan struct{}
}

func (s *failingSessions) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	if s.fail.Load() {
		select {
		case s.failed <- struct{}{}:
		default:
		}
		return errStarting
	}
	return s.Sessions.SaveSessions(ctx, sessions...)
}

// A node could not save sessions for a while, and waits before it tries again. If it takes over the session of a client
// meanwhile, it saves that at once, so that another node can have it.
func TestASessionIsSavedAsSoonAsTheStoreWorks(t *testing.T) {
	hub := memory.NewHub()
	sessions := storagememory.NewSessions()
	failing := &failingSessions{Sessions: sessions, failed: make(chan struct{}, 1)}
	on := func(s storage.Sessions) *node {
		return loggedOn(t, hub, func(c *socketio.Config) { c.Recovery.Sessions = s })
	}
	a, b, c := on(sessions), on(failing), on(sessions)
	require.NoError(t, a.WaitForPeers(t.Context(), 2))
	r, s := begun(t, a, connected(a.Namespace))
	away(t, r, s)
	for range 3 {
		failing.fail.Store(true)
		other := enter(t, b, "") // its session cannot be saved
		for range 5 {            // until the node waits for longer between two attempts
			<-failing.failed
		}
		failing.fail.Store(false)
		for _, n := range []*node{b, c} {
			back := enter(t, n, r.auth())
			require.Equal(t, r.id, back.id)
			require.NoError(t, back.conn.Close())
		}
		require.NoError(t, other.conn.Close())
	}
}
