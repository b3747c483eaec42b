package interop_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/redis/streamsdriver"
)

// newStreamsWorld starts a Redis server for nodes that share some streams.
func newStreamsWorld(t *testing.T, streams int) *world {
	w := newRedisWorld(t)
	w.streams = streams
	return w
}

// streamName is the name of the streams.
const streamName = "interop stream"

// startStreams starts a peer with @socket.io/redis-streams-adapter and returns an opener for its sides.
func (w *world) startStreams(t *testing.T, client string, change ...func(*interop.Config)) nodeOpener {
	t.Helper()
	port, err := strconv.Atoi(w.redis.Port())
	require.NoError(t, err)
	config := interop.Config{Adapter: interop.RedisStreams, Redis: interop.RedisOptions{Port: port, Client: client,
		Key: w.prefix, Stream: streamName, StreamCount: w.streams}}
	for _, f := range change {
		f(&config)
	}
	return nodeOpener{kind{adapter: config.Adapter, peer: interop.Start(t, config)}}
}

func (w *world) newStreamsBus(t *testing.T) *streamsdriver.Driver {
	d := streamsdriver.New(w.redisClient(t))
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	return d
}

// TestInteropRedisStreams is the matrix of clusters on Redis streams: each message, in both directions, between our
// nodes and @socket.io/redis-streams-adapter, with both packages that connect to Redis.
func TestInteropRedisStreams(t *testing.T) {
	for _, c := range []struct {
		client string
		keep   func(scenario) bool
	}{{interop.NodeRedis, always}, {interop.IORedis, onlyBrief}} {
		t.Run(c.client, func(t *testing.T) {
			t.Parallel()
			w := newStreamsWorld(t, 1)
			node, ours := w.startStreams(t, c.client), w.startGo(t, redisDriver)
			t.Run("NodeToGo", func(t *testing.T) { runStreamsScenarios(t, w, node, ours, c.keep) })
			t.Run("GoToNode", func(t *testing.T) { runStreamsScenarios(t, w, ours, node, c.keep) })
		})
	}
}

// TestInteropRedisStreamsLog: the scenarios do not change when our nodes keep a log, whose order their clients get.
func TestInteropRedisStreamsLog(t *testing.T) {
	t.Parallel()
	w := newStreamsWorld(t, 1)
	logged := func(c *backplane.Config) { c.Log = &backplane.LogConfig{} }
	node, ours := w.startStreams(t, interop.NodeRedis), w.startGo(t, redisDriver, logged)
	t.Run("NodeToGo", func(t *testing.T) { runStreamsScenarios(t, w, node, ours, always) })
	t.Run("GoToNode", func(t *testing.T) { runStreamsScenarios(t, w, ours, node, always) })
	t.Run("GoToGo", func(t *testing.T) {
		w := newStreamsWorld(t, 2)
		runStreamsScenarios(t, w, w.startGo(t, redisDriver, logged), w.startGo(t, redisDriver, logged), always)
	})
}

// TestInteropRedisStreamsGoToGo runs the scenarios between two of our nodes, on several streams.
func TestInteropRedisStreamsGoToGo(t *testing.T) {
	t.Parallel()
	w := newStreamsWorld(t, 3)
	runStreamsScenarios(t, w, w.startGo(t, redisDriver), w.startGo(t, redisDriver), always)
}

// TestInteropRedisStreamsNodeToNode runs the scenarios between nodes in Node.js, which checks the scenarios themselves.
func TestInteropRedisStreamsNodeToNode(t *testing.T) {
	t.Parallel()
	w := newStreamsWorld(t, 1)
	runStreamsScenarios(t, w, w.startStreams(t, interop.NodeRedis), w.startStreams(t, interop.IORedis), onlyBrief)
}

// TestInteropRedisStreamsGoEmitter: our emitter reaches nodes of both kinds.
func TestInteropRedisStreamsGoEmitter(t *testing.T) {
	t.Parallel()
	w := newStreamsWorld(t, 1)
	for _, to := range []opener{w.startStreams(t, interop.NodeRedis), w.startGo(t, redisDriver)} {
		runStreamsScenarios(t, w, w.ourEmitter(t, redisDriver, oneByOne), to, fromRedisEmitter)
		runStreamsScenarios(t, w, w.ourEmitter(t, redisDriver, inBatches), to, func(s scenario) bool {
			return s.emitter && s.brief
		})
	}
}

func runStreamsScenarios(t *testing.T, w *world, from, to opener, keep func(scenario) bool) {
	for _, s := range redisScenarios() {
		if keep(s) {
			t.Run(s.title(), func(t *testing.T) { s.run(newFixture(t, w, from, to, s)) })
		}
	}
}
