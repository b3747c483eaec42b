package tcpbus_test

import (
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/examples/transport/tcpbus"
	"github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	address := startHub(t)
	sessions, publishers := proxy.Start(t, address), proxy.Start(t, address)
	conformance.Bus(t, conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus {
			return newBus(tb, sessions.Address(), publishers.Address())
		},
		Sever:          func(testing.TB, transport.Bus) { sessions.Sever() },
		SeverPublisher: func(testing.TB, transport.Bus) { publishers.Sever() },
		NoServer:       func(tb testing.TB) transport.Bus { return newBus(tb, "127.0.0.1:1", "127.0.0.1:1") },
		Stall:          func(testing.TB, transport.Bus) func() { return proxy.Stall(sessions, publishers) },
		Leftovers:      func(testing.TB) []string { return sessions.Connections() },
	})
}

// TestCluster proves that a cluster on the bus keeps what it promises.
func TestCluster(t *testing.T) {
	address := startHub(t)
	sessions, store := proxy.Start(t, address), memory.NewStore()
	conformance.Cluster(t, conformance.ClusterHarness{
		NewConfig: func(tb testing.TB) core.Config {
			return core.Config{Bus: newBus(tb, sessions.Address(), address), Store: store}
		},
		Sever: func(testing.TB, core.Config) { sessions.Sever() },
	})
}

func BenchmarkBus(b *testing.B) {
	address := startHub(b)
	conformance.BenchmarkBus(b, conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus { return newBus(tb, address, address) },
	})
}

func newBus(tb testing.TB, sessions, publisher string) transport.Bus {
	bus := tcpbus.NewWithAddresses(sessions, publisher)
	tb.Cleanup(func() { bus.Close(tb.Context()) })
	return bus
}

// startHub runs a hub until the test ends.
func startHub(tb testing.TB) (address string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var hub tcpbus.Hub
	done := make(chan struct{})
	go func() {
		defer close(done)
		hub.Serve(ln)
	}()
	tb.Cleanup(func() {
		ln.Close()
		<-done
	})
	return ln.Addr().String()
}
