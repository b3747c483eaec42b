package interop_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
)

// redisDriver is the driver of Go sides on Redis.
const redisDriver = "redis"

// newRedisWorld starts a Redis server for some nodes.
func newRedisWorld(t *testing.T) *world {
	return &world{redis: redistest.New(t), prefix: "interop"}
}

// startRedis starts a peer on Redis and returns an opener for its sides.
func (w *world) startRedis(t *testing.T, adapter, client string) nodeOpener {
	t.Helper()
	port, err := strconv.Atoi(w.redis.Port())
	require.NoError(t, err)
	options := interop.RedisOptions{Port: port, Client: client, Key: w.prefix, SpecificResponses: w.specific}
	if w.sharded != nil {
		options.Sharded = w.sharded.String()
	}
	return nodeOpener{kind{adapter: adapter, peer: interop.Start(t, interop.Config{Adapter: adapter, Redis: options})}}
}

// redisDialect returns the dialect of our nodes on Redis.
func (w *world) redisDialect() dialect.Dialect {
	if w.streams > 0 {
		return redisstreams.Dialect{Stream: streamName, Streams: w.streams}
	}
	if w.sharded != nil {
		return redissharded.Dialect{Mode: *w.sharded}
	}
	return redisclassic.Dialect{SharedResponses: !w.specific}
}

func (w *world) newRedisBus(t *testing.T) transport.Bus {
	if w.streams > 0 {
		return w.newStreamsBus(t)
	}
	d := redisdriver.NewWithConfig(w.redisClient(t), redisdriver.Config{RawNames: true, Sharded: w.sharded != nil})
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	return d
}
