package interop_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
)

// shardedModes are all modes of sharded adapters.
var shardedModes = []redissharded.Mode{redissharded.Static, redissharded.Dynamic, redissharded.DynamicPrivate}

// newShardedWorld starts a Redis server for nodes with a sharded adapter.
func newShardedWorld(t *testing.T, mode redissharded.Mode) *world {
	w := newRedisWorld(t)
	w.sharded = &mode
	return w
}

// TestInteropRedisSharded is the matrix of sharded Redis clusters: each message, in both directions, between our nodes
// and @socket.io/redis-adapter, in all modes and with both packages that connect to Redis.
func TestInteropRedisSharded(t *testing.T) {
	for _, mode := range shardedModes {
		for _, client := range []string{interop.NodeRedis, interop.IORedis} {
			t.Run(mode.String()+"/"+client, func(t *testing.T) {
				t.Parallel()
				keep := always
				if (client == interop.IORedis) == (mode == redissharded.Dynamic) {
					keep = onlyBrief // the other client runs all of them in this mode
				}
				w := newShardedWorld(t, mode)
				node, ours := w.startRedis(t, interop.Redis8, client), w.startGo(t, redisDriver)
				t.Run("NodeToGo", func(t *testing.T) { runShardedScenarios(t, w, node, ours, keep) })
				t.Run("GoToNode", func(t *testing.T) { runShardedScenarios(t, w, ours, node, keep) })
			})
		}
	}
}

// TestInteropRedisShardedGoToGo runs the scenarios between two of our nodes.
func TestInteropRedisShardedGoToGo(t *testing.T) {
	for _, mode := range shardedModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			w := newShardedWorld(t, mode)
			runShardedScenarios(t, w, w.startGo(t, redisDriver), w.startGo(t, redisDriver), always)
		})
	}
}

// TestInteropRedisShardedNodeToNode runs the scenarios between two Node.js nodes, which checks the scenarios
// themselves.
func TestInteropRedisShardedNodeToNode(t *testing.T) {
	t.Parallel()
	w := newShardedWorld(t, redissharded.Dynamic)
	from, to := w.startRedis(t, interop.Redis8, interop.NodeRedis), w.startRedis(t, interop.Redis8, interop.IORedis)
	runShardedScenarios(t, w, from, to, onlyBrief)
}

// TestInteropRedisShardedCluster: the same on a Redis Cluster of three nodes. The prefix is a hash tag, so that all
// channels are on one node and messages to several rooms keep their order, as the scenarios expect.
func TestInteropRedisShardedCluster(t *testing.T) {
	for _, mode := range shardedModes {
		for _, client := range []string{interop.NodeRedisCluster, interop.IORedisCluster} {
			t.Run(mode.String()+"/"+client, func(t *testing.T) {
				t.Parallel()
				servers := redistest.NewCluster(t)
				w := &world{redis: servers.Nodes[0], cluster: servers, prefix: "{interop}", sharded: &mode}
				node, ours := w.startRedis(t, interop.Redis8, client), w.startGo(t, redisDriver)
				t.Run("NodeToGo", func(t *testing.T) { runShardedScenarios(t, w, node, ours, onlyBrief) })
				t.Run("GoToNode", func(t *testing.T) { runShardedScenarios(t, w, ours, node, onlyBrief) })
			})
		}
	}
}

// TestInteropRedisShardedEmitter: our emitter reaches nodes of both kinds in all modes.
func TestInteropRedisShardedEmitter(t *testing.T) {
	for _, mode := range shardedModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			w := newShardedWorld(t, mode)
			for _, to := range []opener{w.startRedis(t, interop.Redis8, interop.NodeRedis), w.startGo(t, redisDriver)} {
				runShardedScenarios(t, w, w.ourEmitter(t, redisDriver, oneByOne), to, fromRedisEmitter)
				runShardedScenarios(t, w, w.ourEmitter(t, redisDriver, inBatches), to, func(s scenario) bool {
					return s.emitter && s.brief
				})
			}
		})
	}
}

func runShardedScenarios(t *testing.T, w *world, from, to opener, keep func(scenario) bool) {
	for _, s := range append(redisScenarios(), shardedOnly...) {
		switch {
		case s.name == "roomNamesOfAllKinds": // a bus has no channel for a room with NUL in its name
		case s.name == "thenTheRoomIsReached" && *w.sharded != redissharded.Static: // see thenTheRoomIsReachedInTime
		case keep(s):
			t.Run(s.title(), func(t *testing.T) { s.run(newFixture(t, w, from, to, s)) })
		}
	}
}

// shardedOnly are scenarios in which sharded Redis clusters differ from others.
var shardedOnly = []scenario{
	// A broadcast to a room may come before the node listens to its channel if another node has made a socket join, but
	// not after that node has handled a later message.
	{types: codec.SocketsJoin, name: "thenTheRoomIsReachedInTime", brief: true, emitter: true, run: func(f *fixture) {
		c, other := f.join(f.to, "a"), f.join(f.to)
		require.NoError(f, f.to.OnServerSide(f.ctx, "joined", nil))
		require.NoError(f, f.from.Join(f.ctx, interop.To("a"), "new room"))
		require.NoError(f, f.from.ServerSideEmit(f.ctx, "joined"))
		_, err := f.to.NextServerSide(f.ctx)
		require.NoError(f, err)
		f.rooms(c, "a", "new room")
		f.emit(f.from, interop.To("new room"), "reached")
		f.expect([]client{c}, "reached")
		f.fence(f.from, c, other)
	}},
	{types: codec.Broadcast, name: "roomsOfAllLengths", brief: true, emitter: true, run: func(f *fixture) {
		for _, room := range []string{"", "a b", "😀", `"; --`, "__proto__", "constructor", "\u2028",
			"0123456789abcdef", "nineteen characters", "twenty characters 😀", "twenty-one characters"} {
			in, out := f.join(f.to, room), f.join(f.to)
			f.emit(f.from, interop.To(room), "named", room)
			f.expect([]client{in}, "named", room)
			f.emit(f.from, interop.To(in.ID()), "alone", []byte(room))
			f.expect([]client{in}, "alone", []byte(room))
			f.fence(f.from, in, out)
		}
	}},
}
