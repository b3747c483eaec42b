package interop_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
)

// TestInteropRedisCluster: on a Redis Cluster, nodes are on different servers, which pass messages on to each other and
// count only their own clients.
func TestInteropRedisCluster(t *testing.T) {
	t.Parallel()
	servers := redistest.NewCluster(t)
	w := &world{redis: servers.Nodes[0], cluster: servers, prefix: "interop"}
	node, ours := w.startRedis(t, interop.Redis8, interop.IORedisCluster), w.startGo(t, redisDriver)
	t.Run("NodeToGo", func(t *testing.T) { runRedisScenarios(t, w, node, ours, onlyBrief) })
	t.Run("GoToNode", func(t *testing.T) { runRedisScenarios(t, w, ours, node, onlyBrief) })
}

// redisClient returns a client of go-redis until the test ends.
func (w *world) redisClient(t *testing.T) redis.UniversalClient {
	var client redis.UniversalClient
	if w.cluster != nil {
		client = redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{w.redis.Address()}})
	} else {
		client = redis.NewClient(&redis.Options{Addr: w.redis.Address()})
	}
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}
