package interop_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/internal/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is one database for some nodes.
type world struct {
	url   string
	wires wireCheck
}

func newWorld(t *testing.T) *world { return &world{url: pgtest.Database(t)} }

func (w *world) table() string { return "socket_io_attachments" }

func (w *world) options() interop.Options {
	return interop.Options{
		ChannelPrefix: prefix, HeartbeatInterval: heartbeatInterval, HeartbeatTimeout: heartbeatTimeout,
	}
}

// start starts a peer and returns the opener of its sides.
func (w *world) start(t *testing.T, adapter string) opener {
	p := interop.Start(t, interop.Config{Adapter: adapter, DatabaseURL: w.url, Options: w.options()})
	k := kind{adapter: adapter, peer: p}
	if adapter == interop.Cluster {
		return clusterOpener{k}
	}
	return nodeOpener{k}
}

type wireCheck struct{}

func checkWire(t *testing.T, f *fixture) {}

// TestInteropNodeToNode holds what the Node.js adapters promise each other: it checks the harness and the scenarios.
func TestInteropNodeToNode(t *testing.T) {
	for _, adapter := range []string{interop.Adapter05, interop.Adapter04, interop.Adapter03} {
		t.Run(adapter, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			runScenarios(t, w, w.start(t, adapter), w.start(t, adapter), always)
		})
	}
}
