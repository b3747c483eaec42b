package emitter

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Who gives up just when it became his turn passes it on. (It takes two events at the same moment, so it is tested from
// within.)
func TestWhoGivesUpAtHisTurnPassesItOn(t *testing.T) {
	p := newPost(Config{})
	first, second, third := newDelivery(nil), newDelivery(nil), newDelivery(nil)
	require.False(t, p.enter(first), "nobody is sending yet")
	require.Len(t, p.take(), 1)
	require.True(t, p.enter(second))
	require.True(t, p.enter(third))
	p.next()
	require.True(t, second.told)
	require.True(t, p.withdraw(second))
	require.Empty(t, second.turn, "it can be used again")
	require.True(t, <-third.turn)
}

func TestWhoIsOnHisWayCannotGiveUp(t *testing.T) {
	p := newPost(Config{})
	d := newDelivery(nil)
	require.False(t, p.enter(d))
	require.Len(t, p.take(), 1)
	require.False(t, p.withdraw(d))
	p.next()
	require.False(t, p.busy, "the next caller sends himself")
}
