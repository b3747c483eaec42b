package natsdriver_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// closed closes a driver when the test ends.
func closed(tb testing.TB, d *natsdriver.Driver) *natsdriver.Driver {
	tb.Cleanup(func() { require.NoError(tb, d.Close(context.Background())) })
	return d
}

// harness is that of a single server, with a proxy for sessions and one for publishers.
func harness(tb testing.TB, config natsdriver.Config) conformance.Harness {
	return harnessAt(tb, natstest.New(tb, nil).Address(), config)
}

func harnessAt(tb testing.TB, address string, config natsdriver.Config) conformance.Harness {
	sessions, publishers := proxy.Start(tb, address), proxy.Start(tb, address)
	return conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus {
			return closed(tb, natsdriver.NewWithServers(sessions.Address(), publishers.Address(), config))
		},
		Sever:          func(testing.TB, transport.Bus) { sessions.Sever() },
		SeverPublisher: func(testing.TB, transport.Bus) { publishers.Sever() },
		NoServer: func(tb testing.TB) transport.Bus {
			return closed(tb, natsdriver.NewWithConfig(config, "127.0.0.1:1"))
		},
		Stall:     func(testing.TB, transport.Bus) func() { return proxy.Stall(sessions, publishers) },
		Leftovers: func(testing.TB) []string { return sessions.Connections() },
	}
}

func TestConformance(t *testing.T) { conformance.Bus(t, harness(t, natsdriver.Config{})) }

// A small limit makes the checks of limits try more, and an odd prefix those of names.
func TestConformanceWithOptions(t *testing.T) {
	conformance.Bus(t, harness(t, natsdriver.Config{Prefix: "$a..*.> \n\xff", MaxPayload: 1000}))
}

// A cluster on the bus keeps what it promises.
func TestCluster(t *testing.T) {
	address := natstest.New(t, nil).Address()
	sessions, store := proxy.Start(t, address), memory.NewStore()
	conformance.Cluster(t, conformance.ClusterHarness{
		NewConfig: func(tb testing.TB) core.Config {
			bus := natsdriver.NewWithServers(sessions.Address(), address, clusterConfig)
			return core.Config{Bus: bus, Store: store}
		},
		Sever: func(testing.TB, core.Config) { sessions.Sever() },
	})
}

// clusterConfig has a limit with which the suite of clusters, which sends messages near it, is fast with the race
// detector too.
var clusterConfig = natsdriver.Config{MaxPayload: 256 << 10}

func BenchmarkBus(b *testing.B) {
	url := natstest.New(b, nil).URL()
	conformance.BenchmarkBus(b, conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus { return closed(tb, natsdriver.New(url)) },
	})
}
