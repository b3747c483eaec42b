package natsdriver_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// Three servers keep the log. Its buses are connected to different ones.
func TestLogConformanceOnThreeServers(t *testing.T) {
	servers := natstest.StartCluster(t)
	prepared(t, closed(t, natsdriver.New(servers[0].URL())))
	js := jetStream(t, servers[0].URL())
	stream, err := js.Stream(bounded(t), "backplane_log")
	require.NoError(t, err)
	require.Equal(t, 3, stream.CachedInfo().Config.Replicas)
	var next atomic.Int64
	conformance.Log(t, conformance.LogHarness{
		NewLog: func(tb testing.TB) transport.Log {
			n := next.Add(1)
			return closed(tb, natsdriver.NewWithServers(servers[n%3].URL(), servers[(n+1)%3].URL(), clusterConfig))
		},
		Patience: patience,
	})
}
