package natsdriver_test

import (
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// logHarness is that of a single server of its own, which it crashes.
func logHarness(tb testing.TB, config natsdriver.Config) conformance.LogHarness {
	s := natstest.New(tb, natstest.JetStream(tb))
	p := proxy.Start(tb, s.Address())
	return conformance.LogHarness{
		NewLog: func(tb testing.TB) transport.Log {
			return closed(tb, natsdriver.NewWithConfig(config, p.Address()))
		},
		NoServer: func(tb testing.TB) transport.Log {
			return closed(tb, natsdriver.NewWithConfig(config, "127.0.0.1:1"))
		},
		Stall: func(testing.TB, transport.Log) (resume func()) { return proxy.Stall(p) },
	}
}

func TestLogConformance(t *testing.T) { conformance.Log(t, logHarness(t, clusterConfig)) }
