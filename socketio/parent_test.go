package socketio_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

func TestParentNamespaceTargetsItsChildren(t *testing.T) {
	a, b := pair(t)
	pattern := regexp.MustCompile(`^/room-\d+$`)
	parent := a.OfPattern(pattern)
	b.OfPattern(pattern)
	sockets := make(map[string]*socketio.Socket)
	joined := newEvents[*socketio.Socket]()
	parent.OnConnection(joined.add)
	never := parent.OnConnection(func(*socketio.Socket) { t.Error("the removed function was called") })
	never()

	p, q := dial(t, a), dial(t, b)
	var ids []string
	for _, nsp := range []string{"/room-1", "/room-2"} {
		p.join(nsp, "")
		s := joined.next(t)
		sockets[nsp] = s
		require.NoError(t, s.Join("members"))
		ids = append(ids, s.ID(), q.join(nsp, ""))
	}
	require.NoError(t, sockets["/room-2"].Join("banned"))
	other := dial(t, a)
	other.join("", "")

	ctx := t.Context()
	for _, child := range parent.Children() {
		require.NoError(t, child.WaitForPeers(ctx, 1), "for FetchSockets")
	}
	// Packets of different namespaces may arrive in any order.
	both := func(p *peer, event string) {
		t.Helper()
		assert.ElementsMatch(t, []string{`2/room-1,["` + event + `"]`, `2/room-2,["` + event + `"]`},
			[]string{p.next(), p.next()})
	}
	require.NoError(t, parent.Emit(ctx, "all"))
	both(p, "all")
	both(q, "all")
	require.NoError(t, parent.EmitAsync("async"))
	both(p, "async")
	both(q, "async")
	require.NoError(t, parent.To("members").Emit(ctx, "members"))
	both(p, "members")
	require.NoError(t, parent.In("members").Except("banned").Compress(true).Emit(ctx, "one"))
	p.expect(`2/room-1,["one"]`)
	require.NoError(t, parent.Except("banned").Local().Volatile().Emit(ctx, "local"))
	p.expect(`2/room-1,["local"]`)
	require.NoError(t, parent.To().Emit(ctx, "nobody"), "To without rooms must select no sockets")
	require.NoError(t, parent.In([]string{}...).DisconnectSockets(ctx, true))

	found, err := parent.FetchSockets(ctx)
	require.NoError(t, err)
	var foundIDs []string
	for _, s := range found {
		foundIDs = append(foundIDs, s.ID())
	}
	assert.ElementsMatch(t, ids, foundIDs)

	require.NoError(t, parent.SocketsJoin(ctx, "x"))
	assert.Contains(t, sockets["/room-1"].Rooms(), "x")
	assert.Contains(t, sockets["/room-2"].Rooms(), "x")
	require.NoError(t, parent.In("banned").SocketsLeave(ctx, "x"))
	assert.NotContains(t, sockets["/room-2"].Rooms(), "x")

	_, err = parent.Local().Timeout(time.Second).EmitWithAck(ctx, "asked") // enough to send it
	require.ErrorIs(t, err, backplane.ErrTimeout)
	for range 2 {
		assert.Contains(t, p.next(), `["asked"]`)
	}
	answers := newEvents[int]()
	go func() {
		values, err := parent.In("members").EmitWithAck(context.WithoutCancel(ctx), "ask")
		assert.NoError(t, err)
		answers.add(len(values))
	}()
	for range 2 {
		packet := p.next()
		nsp := packet[1 : 1+len("/room-1,")]
		id, _, ok := cutID("2" + packet[1+len(nsp):])
		require.True(t, ok, packet)
		p.send(`3%s%s["yes"]`, nsp, id)
	}
	assert.Equal(t, 2, answers.next(t))
	answered, err := parent.Timeout(0).ServerSideEmitWithAck(ctx, "e")
	require.ErrorIs(t, err, backplane.ErrTimeout)
	assert.Empty(t, answered)
	require.NoError(t, parent.ServerSideEmit(ctx, "e"))

	require.NoError(t, parent.In("members").DisconnectSockets(ctx, false))
	assert.ElementsMatch(t, []string{"1/room-1,", "1/room-2,"}, []string{p.next(), p.next()})
	require.NoError(t, parent.Emit(ctx, "last"))
}

func TestZeroParentTargetReturnsAnError(t *testing.T) {
	var config *backplane.ConfigError
	for _, target := range []socketio.ParentTarget{{},
		socketio.ParentTarget{}.To("a").Except("b").Local().Volatile().Compress(true).Timeout(1),
		(&socketio.ParentNamespace{}).ParentTarget} {
		require.ErrorAs(t, target.Emit(t.Context(), "a"), &config)
		require.ErrorAs(t, target.EmitAsync("a"), &config)
		require.ErrorAs(t, target.DisconnectSockets(t.Context(), true), &config)
		_, err := target.FetchSockets(t.Context())
		require.ErrorAs(t, err, &config)
	}
}
