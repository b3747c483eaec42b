package main_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

// newClassicWorld returns a Redis server with a Node.js node that has @socket.io/redis-adapter and a Go node, which are
// peers in the namespace /chat.
func newClassicWorld(t *testing.T) *world {
	t.Helper()
	w := newRedisWorld(t, redistest.New(t))
	w.startNode(interop.RedisOptions{})
	w.openCluster(redisdriver.Config{RawNames: true},
		backplane.Config{Dialect: redisclassic.Dialect{}, ChannelPrefix: "my app"})
	require.NoError(t, w.node.AwaitServerCount(w.ctx, 2))
	require.NoError(t, w.ours.WaitForPeers(w.ctx, 1))
	return w
}

// newRedisWorld returns a world without nodes on a Redis server.
func newRedisWorld(t *testing.T, server *redistest.Server) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	return &world{t: t, ctx: ctx, url: "redis://" + server.Address(), engine: "--redis", redis: server,
		registry: backplane.NewRegistry(backplane.RegistryConfig{ServerSideEmit: answer})}
}

// startNode adds a Node.js node with @socket.io/redis-adapter, or, with a stream, @socket.io/redis-streams-adapter.
func (w *world) startNode(options interop.RedisOptions, change ...func(*interop.Config)) {
	w.t.Helper()
	w.flags = []string{"--dialect", "classic", "--prefix", "my app"}
	var err error
	options.Port, err = strconv.Atoi(w.redis.Port())
	require.NoError(w.t, err)
	options.Key, options.RequestsTimeout = "my app", patience
	config := interop.Config{Adapter: interop.Redis8, Redis: options}
	if options.Stream != "" {
		config.Adapter = interop.RedisStreams
	}
	for _, f := range change {
		f(&config)
	}
	w.peer = interop.Start(w.t, config)
	w.node, err = w.peer.Namespace(w.ctx, "/chat")
	require.NoError(w.t, err)
}

// openCluster adds a Go node.
func (w *world) openCluster(driver redisdriver.Config, config backplane.Config) {
	w.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Address()})
	w.t.Cleanup(func() { require.NoError(w.t, client.Close()) })
	if config.Bus == nil {
		config.Bus = redisdriver.NewWithConfig(client, driver)
	}
	cluster, err := backplane.Open(w.ctx, config)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, cluster.Close(context.Background())) })
	w.cluster = cluster
	w.ours, err = cluster.Namespace(w.ctx, "/chat", w.registry)
	require.NoError(w.t, err)
}

// mute adds a listener of the classic dialect's requests that answers none.
func (w *world) mute() {
	w.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Address()})
	w.t.Cleanup(func() { require.NoError(w.t, client.Close()) })
	sub := client.Subscribe(w.ctx, "my app-request#/chat#")
	w.t.Cleanup(func() { require.NoError(w.t, sub.Close()) })
	_, err := sub.Receive(w.ctx)
	require.NoError(w.t, err)
}
