package interop_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// TestInteropRedisStreamsHungNode: a node that hangs is counted, so requests wait for it, and end without it. A node
// that was killed is not waited for.
func TestInteropRedisStreamsHungNode(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newStreamsWorld(t, 1)
	healthy, hangs := w.startStreams(t, interop.NodeRedis), w.startStreams(t, interop.NodeRedis)
	ours := w.startGo(t, redisDriver, func(c *backplane.Config) {
		c.RequestTimeout = time.Second
		c.Log = &backplane.LogConfig{}
	})
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
	f.emit(sides[2], interop.Target{}, "in spite of it")
	f.expect([]client{near, far}, "in spite of it")

	hangs.k.peer.Kill()
	require.NoError(t, sides[2].AwaitServerCount(ctx, 2))
	f.sameSet(ids(near, far), idsOf(f.fetch(sides[2], interop.Target{})))
	f.sameSet([]any{"near", "far"}, f.ask(sides[2], interop.Target{}, "ask"))
}

// TestInteropRedisStreamsForeignBytes: whatever is added to the stream or published on the channels of a node, it
// reports what it cannot read, and goes on, with a log and without one.
func TestInteropRedisStreamsForeignBytes(t *testing.T) {
	for name, log := range map[string]*backplane.LogConfig{"WithoutLog": nil, "WithLog": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newStreamsWorld(t, 1)
			var reported interop.Inbox[error]
			handle := func(c *backplane.Config) { c.ErrorHandler, c.Log = reported.Put, log }
			f := newFixture(t, w, w.startGo(t, redisDriver, handle), w.startGo(t, redisDriver, handle),
				scenario{nsp: "/chat"})
			c := f.join(f.to, "news")
			outside := w.redisClient(t)
			for _, fields := range [][]any{
				{"a", "b"}, {"nsp", "/chat"}, {"nsp", ""}, {"nsp", "/other", "type", "3", "data", "{}"},
				{"uid", "u", "nsp", "/chat", "type", "3", "data", "{}"},
				{"uid", "u", "nsp", "/chat", "type", "3", "data", "\x00\xff"},
				{"uid", "u", "nsp", "/chat", "type", "99", "data", "{}"}, {"nsp", "/chat", "type", "1"},
				{"nsp", "/chat", "type", "7", "data", `{"opts":{"rooms":[]},"requestId":"x"}`},
				{"uid", "u", "uid", "v", "nsp", "/chat", "type", "3"},
				{"\x00", "\r\n*3\r\n", "nsp", "/chat", "type", "-3"},
			} {
				require.NoError(t, outside.XAdd(ctx, &redis.XAddArgs{Stream: streamName, Values: fields}).Err())
			}
			base := w.prefix + "#/chat#"
			for _, channel := range []string{
				base, base + f.to.UID() + "#", w.prefix + "-process#", "stream:" + streamName + "#/chat",
			} {
				for _, text := range []string{
					"", "x", "{", "{}", "\x80", "\x84", "\xc1", "\x84\xa4type\x03", "*2\r\n",
				} {
					require.NoError(t, outside.Publish(ctx, channel, text).Err())
				}
			}
			f.emit(f.from, interop.To("news"), "still", "here")
			f.expect([]client{c}, "still", "here")
			require.Len(t, f.fetch(f.from, interop.Target{}), 1)
			f.fence(f.to, c)
			errs := reported.Take()
			require.NotEmpty(t, errs)
			for _, err := range errs {
				var drop *backplane.DropError
				require.ErrorAs(t, err, &drop)
			}
		})
	}
}
