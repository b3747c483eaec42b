package interop_test

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// newFixture already checks that both sides count each other.
var membershipScenarios = []scenario{
	{types: codec.InitialHeartbeat, name: "AnnouncesItself", opens: toFirst, brief: true, run: func(f *fixture) {
		f.sent(f.from, 1)
		count, err := f.to.ServerCount(f.ctx)
		require.NoError(f, err)
		require.Equal(f, f.size, count)
	}},
	{types: codec.Heartbeat, name: "AnswersAnAnnouncement", opens: fromFirst, brief: true, run: func(f *fixture) {
		f.sent(f.to, 1)
		f.sent(f.from, 2)
	}},
	{types: codec.Heartbeat, name: "IsRepeatedWhenSilent", run: func(f *fixture) {
		if f.from.kind().isGo() && f.to.kind().isGo() {
			// A process sends one heartbeat for all its namespaces.
			time.Sleep(heartbeatTimeout + goHeartbeat)
			count, err := f.to.ServerCount(f.ctx)
			require.NoError(f, err)
			require.Equal(f, f.size, count)
			return
		}
		for range 2 {
			f.sent(f.from, 2)
		}
	}},
	{types: codec.AdapterClose, name: "LeavesAtOnce", brief: true, run: func(f *fixture) {
		from, to := f.from.kind(), f.to.kind()
		require.NoError(f, f.from.Close(f.ctx))
		ctx := f.ctx
		if from.announcesLeaving() {
			f.sent(f.from, 13)
			// Otherwise it expires. That can happen between two Node.js nodes: they send over a pool, so another
			// message may arrive after ADAPTER_CLOSE and bring the sender back. Our nodes send in order, and ignore
			// such messages.
			if to.announcesLeaving() && (from.isGo() || to.isGo()) {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, heartbeatTimeout-goHeartbeat-time.Second/2)
				defer cancel()
			}
		}
		require.NoError(f, f.to.AwaitServerCount(ctx, f.size-1))
	}},
	{types: codec.AdapterClose, name: "RequestsCompleteWithoutIt", run: func(f *fixture) {
		if !f.from.kind().announcesLeaving() || !f.to.kind().announcesLeaving() {
			f.Skip("0.3 does not know ADAPTER_CLOSE: its requests fail after 5 s")
		}
		require.NoError(f, f.from.Close(f.ctx))
		require.NoError(f, f.to.AwaitServerCount(f.ctx, f.size-1))
		c := f.join(f.to)
		sockets, err := f.to.FetchSockets(f.ctx, interop.Target{})
		require.NoError(f, err)
		require.Len(f, sockets, 1)
		require.Equal(f, c.ID(), sockets[0].ID)
	}},
}
