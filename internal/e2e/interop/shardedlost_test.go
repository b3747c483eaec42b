package interop_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/transport"
)

// TestInteropRedisShardedHungNode: a node that hangs is counted, so requests wait for it, and end without it. A node
// that was killed is not waited for, and who is counted but is no node does no harm.
func TestInteropRedisShardedHungNode(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newShardedWorld(t, redissharded.Dynamic)
	healthy := w.startRedis(t, interop.Redis8, interop.NodeRedis)
	hangs := w.startRedis(t, interop.Redis8, interop.NodeRedis)
	ours := w.startGo(t, redisDriver, func(c *backplane.Config) { c.RequestTimeout = time.Second })
	f := &fixture{T: t, ctx: ctx, nsp: "/chat", sharded: true}
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
	require.Len(t, values, 2)
	f.expect([]client{near, far}, "ask")

	hangs.k.peer.Kill()
	require.NoError(t, sides[2].AwaitServerCount(ctx, 2))
	f.sameSet(ids(near, far), idsOf(f.fetch(sides[2], interop.Target{})))
	f.sameSet([]any{"near", "far"}, f.ask(sides[2], interop.Target{}, "ask"))

	silent := redis.NewClient(&redis.Options{Addr: w.redis.Address()})
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	listening := silent.SSubscribe(ctx, w.prefix+"#/chat#") // a program that only listens is taken for a node
	_, err = listening.Receive(ctx)
	require.NoError(t, err)
	require.NoError(t, sides[2].AwaitServerCount(ctx, 3))
	sockets, err = ns.FetchSockets(ctx)
	require.ErrorAs(t, err, &partial)
	require.Len(t, sockets, 2)
	require.NoError(t, listening.Close())
	require.NoError(t, sides[2].AwaitServerCount(ctx, 2))
	require.Len(t, f.fetch(sides[2], interop.Target{}), 2)
}

// TestInteropRedisShardedForeignBytes: whatever is published on the channels of a node, it reports what it cannot read,
// and goes on. A Node.js node would end.
func TestInteropRedisShardedForeignBytes(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newShardedWorld(t, redissharded.DynamicPrivate)
	var reported interop.Inbox[error]
	handle := func(c *backplane.Config) { c.ErrorHandler = reported.Put }
	f := newFixture(t, w, w.startGo(t, redisDriver, handle), w.startGo(t, redisDriver, handle), scenario{nsp: "/chat"})
	c := f.join(f.to, "news")
	d := w.newRedisBus(t)
	base := w.prefix + "#/chat#"
	channels := []string{base, base + "news#", base + c.ID() + "#", base + f.to.(*goSide).ns.UID() + "#",
		w.prefix + "-process#"}
	foreign := []string{"", "x", "{", "{}", "[]", "\x84", "\xc1", `{"type":3,"nsp":"/chat","data":{}}`,
		`{"type":9,"data":{"packet":["e"]},"uid":"u","nsp":"/other"}`, `{"type":3,"nsp":"/chat","attachmentId":"1"}`}
	var batch []transport.Message
	for _, channel := range channels {
		for _, text := range foreign {
			batch = append(batch, transport.Message{Channel: channel, Payload: []byte(text)})
		}
		for _, kind := range []int{0, 1, 2, 13, 99, -1} { // Node.js ignores these types
			batch = append(batch, transport.Message{Channel: base,
				Payload: fmt.Appendf(nil, `{"type":%d,"uid":"u","nsp":"/chat"}`, kind)})
		}
	}
	require.NoError(t, d.Publish(ctx, batch...))
	f.emit(f.from, interop.To("news"), "still", "here")
	f.expect([]client{c}, "still", "here")
	require.Len(t, f.fetch(f.from, interop.Target{}), 1)
	errs := reported.Take()
	require.NotEmpty(t, errs)
	for _, err := range errs {
		var drop *backplane.DropError
		require.ErrorAs(t, err, &drop)
	}
}

// TestInteropRedisShardedManySlots: on a Redis Cluster without a hash tag, the rooms of the sockets are on all nodes,
// and each message arrives, both ways, also after a slot has moved.
func TestInteropRedisShardedManySlots(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	mode := redissharded.Dynamic
	servers := redistest.NewCluster(t)
	w := &world{redis: servers.Nodes[0], cluster: servers, prefix: "interop", sharded: &mode}
	node, ours := w.startRedis(t, interop.Redis8, interop.NodeRedisCluster), w.startGo(t, redisDriver)
	f := newFixture(t, w, node, ours, scenario{nsp: "/chat"})
	d := w.newRedisBus(t).(transport.Counter)
	const rooms = 30
	var near, far []client
	var channels []string
	owners := make(map[string]bool)
	for i := range rooms {
		room := fmt.Sprint("room ", i)
		near, far = append(near, f.join(f.from, room)), append(far, f.join(f.to, room))
		channels = append(channels, w.prefix+"#/chat#"+room+"#")
		owners[servers.Owner(t, channels[i]).Port()] = true
	}
	require.Len(t, owners, 3)
	bothListen := func(ctx context.Context) bool {
		counts, err := d.Listeners(ctx, channels...)
		for _, n := range counts {
			if n != 2 {
				return false
			}
		}
		return err == nil
	}
	requireSoon(t, ctx, bothListen)
	for _, from := range []side{f.from, f.to} {
		for i := range rooms {
			room := fmt.Sprint("room ", i)
			f.emit(from, interop.To(room), "to", room, []byte{byte(i)})
			f.expect([]client{near[i], far[i]}, "to", room, []byte{byte(i)})
		}
	}
	f.sameSet(ids(append(near, far...)...), idsOf(f.fetch(f.to, interop.Target{})))

	moved := 0
	servers.Move(t, channels[moved], servers.Other(t, channels[moved]))
	err, waited := ours.errors.Next(ctx)
	require.NoError(t, waited)
	require.Error(t, err, "the node reports that messages may be lost")
	requireSoon(t, ctx, func(ctx context.Context) bool {
		return f.to.(*goSide).ns.To("room 0").Emit(ctx, "moved") == nil && listens(ctx, d, channels[moved])
	})
	ours.errors.Take()
}

// listens reports whether somebody listens to a channel.
func listens(ctx context.Context, d transport.Counter, channel string) bool {
	counts, err := d.Listeners(ctx, channel)
	return err == nil && counts[0] > 0
}

// requireSoon waits until done returns true.
func requireSoon(t *testing.T, ctx context.Context, done func(context.Context) bool) {
	t.Helper()
	for !done(ctx) {
		require.NoError(t, ctx.Err())
		<-time.After(10 * time.Millisecond)
	}
}
