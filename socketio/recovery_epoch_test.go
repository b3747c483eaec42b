package socketio_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/storage"
	storagememory "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport/memory"
)

// A client that was recovered, and so had everything up to a position, goes on in a new epoch, whose positions may be
// smaller.
func TestARecoveredClientGetsTheEventsOfANewEpoch(t *testing.T) {
	hub := memory.NewHub()
	nodes := logged(t, hub, 2)
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	first, s := begun(t, a, onA)
	away(t, first, s)
	for i := range 10 { // to positions that the new epoch does not reach
		require.NoError(t, a.To("room").Emit(t.Context(), fmt.Sprint("missed ", i)))
	}
	back := enter(t, b, first.auth())
	require.True(t, onB.next(t).Recovered())
	for i := range 10 {
		require.Equal(t, fmt.Sprint("missed ", i), back.event())
	}
	hub.NewEpoch()
	require.NoError(t, a.To("room").Emit(t.Context(), "kept"))
	require.ErrorIs(t, awaitLogGap(t, b), backplane.ErrPositionEpoch)
	require.Equal(t, "kept", back.event())
	require.NoError(t, a.To("room").Volatile().Emit(t.Context(), "volatile"))
	require.Equal(t, "volatile", back.event())
	require.NoError(t, a.To("room").Emit(t.Context(), "last"))
	require.Equal(t, "last", back.event())
}

// stallingSessions stalls the first save of a session that it does not know.
type stallingSessions struct {
	storage.Sessions
	stall           atomic.Bool
	saving, proceed chan struct{}

	mu    sync.Mutex
	known map[string]bool
}

func (s *stallingSessions) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	s.mu.Lock()
	unknown := false
	for i := range sessions {
		unknown = unknown || !s.known[sessions[i].Key]
		s.known[sessions[i].Key] = true
	}
	s.mu.Unlock()
	if unknown && s.stall.CompareAndSwap(true, false) {
		close(s.saving)
		<-s.proceed
	}
	return s.Sessions.SaveSessions(ctx, sessions...)
}

// While a client is being recovered, the log loses what its node has not delivered yet. The client is not told that it
// was recovered.
func TestANewEpochWhileAClientIsBeingRecovered(t *testing.T) {
	hub := memory.NewHub()
	sessions := storagememory.NewSessions()
	stalling := &stallingSessions{Sessions: sessions, saving: make(chan struct{}), proceed: make(chan struct{}),
		known: make(map[string]bool)}
	a := loggedOn(t, hub, func(c *socketio.Config) { c.Recovery.Sessions = sessions })
	b := loggedOn(t, hub, func(c *socketio.Config) { c.Recovery.Sessions = stalling })
	require.NoError(t, a.WaitForPeers(t.Context(), 1))
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	bystander, _ := begun(t, b, onB)
	first, s := begun(t, a, onA)
	away(t, first, s)

	stalling.stall.Store(true)
	back := dial(t, b)
	back.send("0%s", first.auth())
	<-stalling.saving
	hub.NewEpoch()
	require.NoError(t, a.To("room").Emit(t.Context(), "kept"))
	require.Equal(t, "kept", bystander.event())
	close(stalling.proceed)
	require.Equal(t, "closed", back.next())

	again := enter(t, b, first.auth())
	require.False(t, onB.next(t).Recovered())
	require.NotEqual(t, first.pid, again.pid)
}
