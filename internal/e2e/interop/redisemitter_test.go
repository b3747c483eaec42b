package interop_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

func fromRedisEmitter(s scenario) bool { return s.emitter }

// TestInteropRedisEmitter: @socket.io/redis-emitter 5 reaches our nodes, and no node takes it for a peer.
func TestInteropRedisEmitter(t *testing.T) {
	for _, client := range []string{interop.NodeRedis, interop.IORedis} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			w := newRedisWorld(t)
			emitter := emitterOpener{w.startRedis(t, interop.RedisEmitter, client)}
			runRedisScenarios(t, w, emitter, w.startGo(t, redisDriver), fromRedisEmitter)
			f := newFixture(t, w, emitter, w.startGo(t, redisDriver), scenario{})
			c := f.join(f.to)
			f.fence(f.from, c)
			count, err := f.to.ServerCount(f.ctx)
			require.NoError(t, err)
			require.Equal(t, 1, count)
		})
	}
}

// TestInteropRedisGoEmitter: our emitter reaches nodes of both versions and our nodes.
func TestInteropRedisGoEmitter(t *testing.T) {
	for _, receiver := range []string{interop.Redis8, interop.Redis7, adapterGo} {
		t.Run("To"+receiver, func(t *testing.T) {
			t.Parallel()
			w := newRedisWorld(t)
			var to opener
			if receiver == adapterGo {
				to = w.startGo(t, redisDriver)
			} else {
				to = w.startRedis(t, receiver, interop.NodeRedis)
			}
			runRedisScenarios(t, w, w.ourEmitter(t, redisDriver, oneByOne), to, fromRedisEmitter)
			runRedisScenarios(t, w, w.ourEmitter(t, redisDriver, inBatches), to, func(s scenario) bool {
				return s.emitter && s.brief
			})
		})
	}
}
