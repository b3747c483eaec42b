package interop_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// TestInteropRedisOldRequests: the requests of version 7, which version 8 still answers, both ways.
func TestInteropRedisOldRequests(t *testing.T) {
	for _, specific := range []bool{false, true} {
		t.Run(map[bool]string{false: "AnswersToAll", true: "SpecificResponses"}[specific], func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newRedisWorld(t)
			w.specific = specific
			seven := w.startRedis(t, interop.Redis7, interop.NodeRedis)
			eight := w.startRedis(t, interop.Redis8, interop.IORedis)
			ours, others := w.startGo(t, redisDriver), w.startGo(t, redisDriver)
			var sides []side
			for _, o := range []opener{seven, eight, ours, others} {
				s, err := o.open(ctx, "/chat")
				require.NoError(t, err)
				sides = append(sides, s)
			}
			f := &fixture{T: t, ctx: ctx, nsp: "/chat"}
			var clients []client
			for i, s := range sides {
				require.NoError(t, s.AwaitServerCount(ctx, len(sides)))
				clients = append(clients, f.join(s, "all", []string{"seven", "eight", "ours", "others"}[i]))
			}
			node, ns := sides[0].(nodeSide), sides[2].(*goSide).ns

			f.sameSet(ids(clients...), f.answered(node.Clients(ctx)))
			f.sameSet(ids(clients[2]), f.answered(node.Clients(ctx, "ours")))
			f.sameSet([]any{}, f.answered(node.Clients(ctx, "nobody")))
			rooms := append(ids(clients...), "all", "seven", "eight", "ours", "others")
			f.sameSet(rooms, f.answered(node.AllRooms(ctx)))
			f.sameSet(rooms, f.answered(sides[1].(nodeSide).AllRooms(ctx)))
			f.answered(node.RemoteJoin(ctx, clients[2].ID(), "a#b ü"))
			f.rooms(clients[2], "all", "ours", "a#b ü")
			f.answered(node.RemoteLeave(ctx, clients[2].ID(), "a#b ü"))
			f.rooms(clients[2], "all", "ours")

			found, err := ns.Clients(ctx)
			require.NoError(t, err)
			f.sameSet(ids(clients...), anys(found))
			found, err = ns.Clients(ctx, "seven", "others")
			require.NoError(t, err)
			f.sameSet(ids(clients[0], clients[3]), anys(found))
			found, err = ns.Clients(ctx, "nobody")
			require.NoError(t, err)
			require.Empty(t, found)
			found, err = ns.AllRooms(ctx)
			require.NoError(t, err)
			f.sameSet(rooms, anys(found))
			for i, c := range clients {
				require.NoError(t, ns.RemoteJoin(ctx, c.ID(), "moved"), "client %d", i)
				found, err = ns.ClientRooms(ctx, c.ID())
				require.NoError(t, err)
				require.Contains(t, found, "moved", "client %d", i)
				require.NoError(t, ns.RemoteLeave(ctx, c.ID(), "moved"), "client %d", i)
			}
			require.ErrorIs(t, ns.RemoteJoin(ctx, "nobody", "x"), backplane.ErrSocketNotFound)

			f.answered(node.RemoteDisconnect(ctx, clients[3].ID(), true))
			require.NoError(t, ns.RemoteDisconnect(ctx, clients[1].ID(), false))
			for _, i := range []int{1, 3} {
				_, err := clients[i].Disconnected(ctx)
				require.NoError(t, err)
			}
		})
	}
}

func anys(list []string) []any {
	all := []any{}
	for _, s := range list {
		all = append(all, s)
	}
	return all
}

// TestInteropRedisHungNode: a node that hangs is counted, so requests wait for it, and end without it. A node that was
// killed is not waited for.
func TestInteropRedisHungNode(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newRedisWorld(t)
	healthy := w.startRedis(t, interop.Redis8, interop.NodeRedis)
	hangs := w.startRedis(t, interop.Redis8, interop.NodeRedis)
	ours := w.startGo(t, redisDriver, func(c *backplane.Config) { c.RequestTimeout = time.Second })
	f := &fixture{T: t, ctx: ctx, nsp: "/chat"}
	var sides []side
	for _, o := range []opener{healthy, hangs, ours} {
		s, err := o.open(ctx, f.nsp)
		require.NoError(t, err)
		sides = append(sides, s)
	}
	near, far := f.answering(sides[2], interop.Reply("near")), f.answering(sides[0], interop.Reply("far"))
	ns := sides[2].(*goSide).ns
	require.NoError(t, ns.WaitForPeers(ctx, 2))
	require.NoError(t, hangs.k.peer.Suspend())

	sockets, err := ns.FetchSockets(ctx)
	var partial *backplane.PartialError
	require.ErrorAs(t, err, &partial)
	require.ErrorIs(t, err, backplane.ErrTimeout)
	require.Equal(t, []string{"unknown node"}, partial.Missing)
	require.Len(t, sockets, 2)
	values, err := ns.Timeout(time.Second).EmitWithAck(ctx, "ask")
	require.ErrorAs(t, err, &partial)
	require.Equal(t, []string{"unknown node"}, partial.Missing)
	require.Len(t, values, 2)
	f.expect([]client{near, far}, "ask")

	hangs.k.peer.Kill()
	require.NoError(t, sides[2].AwaitServerCount(ctx, 2))
	f.sameSet(ids(near, far), idsOf(f.fetch(sides[2], interop.Target{})))
	f.sameSet([]any{"near", "far"}, f.ask(sides[2], interop.Target{}, "ask"))
}

// TestInteropRedisManyNodes: acknowledgements and answers of several nodes of each kind are added up.
func TestInteropRedisManyNodes(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newRedisWorld(t)
	openers := []opener{
		w.startRedis(t, interop.Redis8, interop.NodeRedis), w.startRedis(t, interop.Redis7, interop.IORedis),
		w.startGo(t, redisDriver), w.startGo(t, redisDriver),
	}
	f := &fixture{T: t, ctx: ctx, nsp: "/chat"}
	var sides []side
	for _, o := range openers {
		s, err := o.open(ctx, f.nsp)
		require.NoError(t, err)
		require.NoError(t, s.OnServerSide(ctx, "ask", interop.Reply("a server")))
		sides = append(sides, s)
	}
	var want, servers []any
	for i, s := range sides {
		require.NoError(t, s.AwaitServerCount(ctx, len(sides)))
		for k := range i + 1 {
			f.answering(s, interop.Reply([]any{i, k}).After(time.Duration(k*20)*time.Millisecond))
			want = append(want, []any{i, k})
		}
		if i > 0 {
			servers = append(servers, "a server")
		}
	}
	for _, s := range sides {
		f.sameSet(want, f.ask(s, interop.Target{}, "ask"))
		require.Len(t, f.fetch(s, interop.Target{}), len(want))
		answer, err := s.ServerSideEmitWithAck(ctx, "ask")
		require.NoError(t, err)
		require.Empty(t, answer.Error)
		f.same(servers, answer.Values)
	}
	require.NoError(t, sides[3].Close(ctx))
	for _, s := range sides[:3] {
		require.NoError(t, s.AwaitServerCount(ctx, 3))
	}
	require.Len(t, f.ask(sides[2], interop.Target{}, "ask"), len(want)-4)
}
