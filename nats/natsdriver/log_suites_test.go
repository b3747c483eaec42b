package natsdriver_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// logHarness is that of a single server of its own, which it crashes.
func logHarness(tb testing.TB, config natsdriver.Config) conformance.LogHarness {
	s := natstest.Start(tb)
	p := proxy.Start(tb, s.Address())
	js := jetStream(tb, s.URL())
	config.Stream = "log"
	return conformance.LogHarness{
		NewLog: func(tb testing.TB) transport.Log {
			return closed(tb, natsdriver.NewWithConfig(config, p.Address()))
		},
		NewEpoch: func(tb testing.TB, _ transport.Log) { require.NoError(tb, js.DeleteStream(bounded(tb), "log")) },
		Crash:    func(tb testing.TB, _ transport.Log) { s.Kill(tb); s.Up(tb) },
		Unwritable: func(tb testing.TB, _ transport.Log) (repair func()) {
			change(tb, js, "log", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1 })
			return func() { change(tb, js, "log", func(c *jetstream.StreamConfig) { c.MaxMsgSize = -1 }) }
		},
		NoServer: func(tb testing.TB) transport.Log {
			return closed(tb, natsdriver.NewWithConfig(config, "127.0.0.1:1"))
		},
		Stall: func(testing.TB, transport.Log) (resume func()) { return proxy.Stall(p) },
	}
}

func TestLogConformance(t *testing.T) { conformance.Log(t, logHarness(t, clusterConfig)) }

func TestLogConformanceWithOptions(t *testing.T) {
	conformance.Log(t, logHarness(t, natsdriver.Config{Prefix: "$a..*.> \n\xff", MaxPayload: 1000}))
}

// TestAppendConformance shows that kept messages are delivered as others are.
func TestAppendConformance(t *testing.T) {
	s := natstest.Start(t)
	h := harnessAt(t, s.Address(), natsdriver.Config{})
	newBus, noServer := h.NewBus, h.NoServer
	appending := func(newBus func(testing.TB) transport.Bus) func(testing.TB) transport.Bus {
		return func(tb testing.TB) transport.Bus {
			return conformance.AppendingBus(newBus(tb).(transport.Log))
		}
	}
	h.NewBus, h.NoServer = appending(newBus), appending(noServer)
	conformance.Bus(t, h)
}

func TestSessionsConformance(t *testing.T) {
	p := proxy.Start(t, natstest.Start(t).Address())
	conformance.Sessions(t, conformance.SessionsHarness{
		NewSessions: func(tb testing.TB) storage.Sessions { return closed(tb, natsdriver.New(p.Address())) },
		Stall:       func(testing.TB, storage.Sessions) (resume func()) { return proxy.Stall(p) },
	})
}
