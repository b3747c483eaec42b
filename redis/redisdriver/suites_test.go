package redisdriver_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // go-redis logs each connection that it cannot open
	goleak.VerifyTestMain(m)
}

// client returns a client for an address until the test ends.
func client(tb testing.TB, address string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: address})
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}

// closed closes a driver when the test ends.
func closed(tb testing.TB, d *redisdriver.Driver) *redisdriver.Driver {
	tb.Cleanup(func() { require.NoError(tb, d.Close(context.Background())) })
	return d
}

// harness is that of a single server, with a proxy for sessions and one for publishers.
func harness(tb testing.TB, config redisdriver.Config) conformance.Harness {
	address := redistest.New(tb).Address()
	sessions, publishers := proxy.Start(tb, address), proxy.Start(tb, address)
	return conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus {
			return closed(tb, redisdriver.NewWithClients(client(tb, sessions.Address()),
				client(tb, publishers.Address()), config))
		},
		Sever:          func(testing.TB, transport.Bus) { sessions.Sever() },
		SeverPublisher: func(testing.TB, transport.Bus) { publishers.Sever() },
		NoServer: func(tb testing.TB) transport.Bus {
			return closed(tb, redisdriver.NewWithConfig(client(tb, "127.0.0.1:1"), config))
		},
		Stall:     func(testing.TB, transport.Bus) func() { return proxy.Stall(sessions, publishers) },
		Leftovers: func(testing.TB) []string { return sessions.Connections() },
	}
}

func TestConformance(t *testing.T) { conformance.Bus(t, harness(t, redisdriver.Config{})) }

// A small limit makes the checks of limits try more, and an odd prefix those of names.
func TestConformanceWithOptions(t *testing.T) {
	conformance.Bus(t, harness(t, redisdriver.Config{Prefix: "a}b {%*?[\n\xff", MaxPayload: 1000}))
}

// clusterConfig has a limit with which the suite of clusters, which sends messages near it, is fast with the race
// detector too.
var clusterConfig = redisdriver.Config{MaxPayload: 256 << 10}

// The names of channels are those of other programs.
func TestConformanceWithRawNames(t *testing.T) {
	conformance.Bus(t, harness(t, redisdriver.Config{RawNames: true}))
}

// So are those of sharded channels.
func TestConformanceWithShardedRawNames(t *testing.T) {
	conformance.Bus(t, harness(t, redisdriver.Config{RawNames: true, Sharded: true}))
}

// A cluster on the bus keeps what it promises.
func TestCluster(t *testing.T) {
	address := redistest.New(t).Address()
	sessions, store := proxy.Start(t, address), memory.NewStore()
	conformance.Cluster(t, conformance.ClusterHarness{
		NewConfig: func(tb testing.TB) core.Config {
			bus := redisdriver.NewWithClients(client(tb, sessions.Address()), client(tb, address), clusterConfig)
			return core.Config{Bus: bus, Store: store}
		},
		Sever: func(testing.TB, core.Config) { sessions.Sever() },
	})
}

func BenchmarkBus(b *testing.B) {
	address := redistest.New(b).Address()
	conformance.BenchmarkBus(b, conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus { return closed(tb, redisdriver.New(client(tb, address))) },
	})
}
