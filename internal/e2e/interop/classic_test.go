package interop_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// TestInteropClassicRequests: the methods with the names of the old adapter reach the sockets of a Node.js node and of
// another Go node. On the wire they are ordinary messages, so those nodes need not know them.
func TestInteropClassicRequests(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newWorld(t)
	sides := opened(t, ctx, w.start(t, interop.Adapter05), w.startGo(t, pgxDriver), w.startGo(t, pqDriver))
	p := newParty(t, ctx, sides)
	node, ours := sides[0], sides[1].(*goSide).ns
	require.NoError(t, ours.WaitForPeers(ctx, 2))
	var all, inA []string
	for _, pair := range p.clients {
		all, inA = append(all, pair[0].ID(), pair[1].ID()), append(inA, pair[0].ID())
	}
	slices.Sort(all)
	slices.Sort(inA)

	got, err := ours.Clients(ctx)
	require.NoError(t, err)
	assert.Equal(t, all, got)
	got, err = ours.Clients(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, inA, got)
	got, err = ours.AllRooms(ctx)
	require.NoError(t, err)
	assert.Equal(t, sortedStrings(append([]string{"a", "b"}, all...)), got)

	for i, pair := range p.clients {
		id := pair[0].ID()
		require.NoError(t, ours.RemoteJoin(ctx, id, "moved"))
		got, err = ours.ClientRooms(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, sortedStrings([]string{id, "a", "moved"}), sortedStrings(got),
			"side %d must show the room joined right after RemoteJoin", i)
		require.NoError(t, ours.RemoteLeave(ctx, id, "moved"))
		got, err = ours.ClientRooms(ctx, id)
		require.NoError(t, err)
		assert.NotContains(t, got, "moved", "side %d must show the room left right after RemoteLeave", i)
		require.NoError(t, ours.RemoteDisconnect(ctx, id, false))
		_, err = pair[0].Disconnected(ctx)
		require.NoError(t, err)
	}

	const nobody = "nobody"
	_, err = ours.ClientRooms(ctx, nobody)
	require.ErrorIs(t, err, core.ErrSocketNotFound)
	require.ErrorIs(t, ours.RemoteJoin(ctx, nobody, "x"), core.ErrSocketNotFound)
	require.ErrorIs(t, ours.RemoteLeave(ctx, nobody, "x"), core.ErrSocketNotFound)
	require.ErrorIs(t, ours.RemoteDisconnect(ctx, nobody, true), core.ErrSocketNotFound)

	require.NoError(t, node.OnServerSide(ctx, core.CustomRequestEvent, interop.Reply("from Node.js")))
	for i, name := range []string{1: "from pgx", 2: "from pq"} {
		if i > 0 {
			sides[i].(*goSide).ns.OnCustomRequest(func(data backplane.Value, answer func(any)) {
				var question string
				if assert.NoError(t, data.Decode(&question)) {
					answer(name + " to " + question)
				}
			})
		}
	}
	values, err := ours.CustomRequest(ctx, "you")
	require.NoError(t, err)
	answers := make([]string, len(values))
	for i, v := range values {
		require.NoError(t, v.Decode(&answers[i]))
	}
	assert.Equal(t, "from pgx to you", answers[0], "the requesting node must answer too, and first")
	assert.ElementsMatch(t, []string{"from pgx to you", "from pq to you", "from Node.js"}, answers)
}

func sortedStrings(s []string) []string {
	slices.Sort(s)
	return s
}
