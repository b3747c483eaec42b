package socketio_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
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
