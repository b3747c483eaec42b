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

// ClusterHarness tells the suite how to make the nodes of a cluster.
type ClusterHarness struct {
	// NewConfig returns the Config of one more node on the same medium as the others made in this test. Its Bus is
	// its own, or one whose Close leaves the other nodes alone, as a memory.Hub is. Bus, Store, Codec and
	// ChannelPrefix are used as they are, the rest is set by the checks. What the node closes not itself is released in
	// tb.Cleanup. Checks use namespaces of their own, of at most 30 bytes, so one medium may serve many. Required.
	NewConfig func(tb testing.TB) core.Config

	// Sever breaks the receiving sessions of the node that was made with config, and perhaps of others, as an outage
	// would, and returns once that is done: the node may notice it later. Afterwards the medium works.
	Sever func(tb testing.TB, config core.Config)

	// Patience is how long a check waits for what must happen. The default is 10 seconds, and 40 times what a message was measured to take.
	Patience time.Duration
}

// Cluster proves what a cluster promises its applications as far as that depends on its bus, store and codec working together: messages of any size
// around the limits, binary data over buses of text, names, requests, peers that leave, and outages. It is for authors of a bus, a store or a
// codec, beside the suite of each: it finds what only their combination breaks, such as a codec that is right by itself but writes more bytes than a
// reference may have. What package core promises whatever they do is proven by the tests of core.
func Cluster(t *testing.T, h ClusterHarness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h ClusterHarness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.NewConfig == nil {
		t.Fatal("conformance: ClusterHarness.NewConfig is nil, but required")
	}
	runChecks(t, h.newSuite(soak), clusterChecks(), func(c *checker) *clusterChecker { return newClusterChecker(c, h) })
}

func (h ClusterHarness) newSuite(soak bool) *suite {
	return newSuite("Cluster", soak, h.Patience, h.measure)
}

// measure returns how long a message takes from Publish to Receive, or a Listen if that takes longer.
func (h ClusterHarness) measure(ctx context.Context, tb testing.TB) time.Duration {
	bus := h.NewConfig(tb).Bus
	id := newID()
	took := measureBus(ctx, bus, func(name string) string { return id + name })
	if closer, ok := bus.(transport.Closer); ok {
		closer.Close(ctx)
	}
	return took
}

// clusterChecks returns the checks in the order in which one wants them to pass.
func clusterChecks() []check[*clusterChecker] {
	return slices.Concat(clusterBroadcastChecks, clusterContentChecks, clusterSizeChecks, clusterRoomChecks, clusterRequestChecks,
		clusterLeaveChecks, clusterSeverChecks, clusterManyChecks)
}

// clusterChecker is one run of one check of a cluster.
type clusterChecker struct {
	*checker
	harness   ClusterHarness
	namespace string // the namespace of this case alone
}

func newClusterChecker(c *checker, h ClusterHarness) *clusterChecker {
	return &clusterChecker{checker: c, harness: h, namespace: "/" + newID()}
}

// newConfig returns the harness's Config with the defaults that checks look at.
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
	// What is lost must not be made good by the next heartbeat before the patience ends.
	config.HeartbeatInterval, config.HeartbeatTimeout = 2*c.patience, 4*c.patience
	return config
}

// detectBrokenSession makes a node notice in time a session that is broken and does not say so: it gives up one on which its heartbeats do not come back.
// It does not do that so often that a session which is deaf to some channels is replaced before a check has found that out.
func (c *clusterChecker) detectBrokenSession(config *core.Config) {
	config.HeartbeatInterval = c.patience / 4
}

// batchSize is how many messages are under way at a time: buses may keep few.
const batchSize = 16

// inBatches calls send for 0 to n-1, and after each portion arrived for each of it.
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
