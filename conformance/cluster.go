package conformance

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// ClusterHarness tells the suite how to create the nodes of a cluster.
type ClusterHarness struct {
	// NewConfig returns the Config of another node on the same medium as the other nodes of this test. Each
	// node needs its own Bus, or one whose Close does not affect the other nodes, such as a memory.Hub. The
	// checks use Bus, Store, Codec and ChannelPrefix as they are, and set the other fields. NewConfig releases
	// with tb.Cleanup what the node does not close itself. Each check uses its own namespaces, with names of at
	// most 30 bytes, so that many checks can share one medium. Required.
	NewConfig func(tb testing.TB) core.Config

	// Sever breaks the receiving sessions of the node that was created with config, and perhaps those of
	// others, as an outage would. It returns once they are broken; the node may notice later. Afterwards the
	// medium works again.
	Sever func(tb testing.TB, config core.Config)

	// Patience is how long a check waits for something that must happen. The default is 10 seconds plus 40
	// times the measured latency of a message.
	Patience time.Duration
}

// Cluster runs the checks of what a cluster promises its applications, as far as that depends on its bus, store
// and codec working together: messages of sizes near the limits, binary data over text buses, names, requests,
// peers that leave, and outages. It is for authors of a bus, a store or a codec, in addition to the suite of
// each: it finds bugs of their combination, such as a codec that is correct by itself but writes references
// that are too large. The tests of package core check what core promises independently of them.
func Cluster(t *testing.T, h ClusterHarness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h ClusterHarness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.NewConfig == nil {
		t.Fatal("conformance: ClusterHarness.NewConfig is required, but nil")
	}
	runChecks(t, h.newSuite(soak), clusterChecks(), func(c *checker) *clusterChecker { return newClusterChecker(c, h) })
}

func (h ClusterHarness) newSuite(soak bool) *suite {
	return newSuite("Cluster", soak, h.Patience, h.measure)
}

// measure returns the time from Publish to Receive, or the time of a Listen if that is longer.
func (h ClusterHarness) measure(ctx context.Context, tb testing.TB) time.Duration {
	bus := h.NewConfig(tb).Bus
	id := newID()
	took := measureBus(ctx, bus, func(name string) string { return id + name })
	if closer, ok := bus.(transport.Closer); ok {
		closer.Close(ctx)
	}
	return took
}

// clusterChecks returns the checks in the order in which an author should make them pass.
func clusterChecks() []check[*clusterChecker] {
	return slices.Concat(clusterBroadcastChecks, clusterContentChecks, clusterSizeChecks, clusterRoomChecks,
		clusterRequestChecks,
		clusterLeaveChecks, clusterSeverChecks, clusterManyChecks)
}

// clusterChecker runs one check of a cluster.
type clusterChecker struct {
	*checker
	harness   ClusterHarness
	namespace string // the namespace of this check alone
}

func newClusterChecker(c *checker, h ClusterHarness) *clusterChecker {
	return &clusterChecker{checker: c, harness: h, namespace: "/" + newID()}
}

// newConfig returns the harness's Config with the defaults that the checks need.
func (c *clusterChecker) newConfig() core.Config {
	c.Helper()
	config := c.harness.NewConfig(c.TB)
	if config.Bus == nil {
		c.Fatal("conformance: ClusterHarness.NewConfig returned a Config without Bus")
	}
	if config.Store == nil {
		config.Store, _ = config.Bus.(storage.Store)
	}
	if config.Codec == nil {
		config.Codec = jsonmsgpack.Codec{}
	}
	if config.ChannelPrefix == "" {
		config.ChannelPrefix = "socket.io"
	}
	config.MinBackoff, config.MaxBackoff = 5*time.Millisecond, 100*time.Millisecond
	config.PublishTimeout, config.RequestTimeout = c.patience, c.patience
	// The next heartbeat must not repair what is lost before the patience ends.
	config.HeartbeatInterval, config.HeartbeatTimeout = 2*c.patience, 4*c.patience
	return config
}

// detectBrokenSession makes a node detect a broken session that does not report it: the node gives up a session
// on which its own heartbeats do not come back. The interval is long enough that the node does not replace a
// session before a check has found out that it misses some channels.
func (c *clusterChecker) detectBrokenSession(config *core.Config) {
	config.HeartbeatInterval = c.patience / 4
}

// batchSize is how many messages are in flight at a time: buses may buffer few.
const batchSize = 16

// inBatches calls send for 0 to n-1 in batches, and after each batch arrived for each of its elements.
func inBatches(n, size int, send, arrived func(i int)) {
	for from := 0; from < n; from += size {
		to := min(from+size, n)
		for i := from; i < to; i++ {
			send(i)
		}
		for i := from; i < to; i++ {
			arrived(i)
		}
	}
}
