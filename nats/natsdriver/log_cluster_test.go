package natsdriver_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

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

// Another server leads the stream: sessions of the log end, and nothing is lost.
func TestLeaderChanges(t *testing.T) {
	servers := natstest.StartCluster(t)
	url := servers[0].URL() + "," + servers[1].URL() + "," + servers[2].URL()
	d := prepared(t, closed(t, natsdriver.New(url)))
	begin := start(t, d, "a")
	js := jetStream(t, url)
	s := hears(t, d, "a")
	stop := make(chan struct{})
	acknowledged := appendUntil(t, d, "a", "while the leader changes", stop)
	var first []transport.Record
	for range 2 { // when the second one comes, the first one was acknowledged
		r, err := s.ReceiveRecord(bounded(t))
		require.NoError(t, err)
		first = append(first, r)
	}

	answer, err := js.Conn().RequestWithContext(bounded(t), "$JS.API.STREAM.LEADER.STEPDOWN.backplane_log", nil)
	require.NoError(t, err)
	require.Contains(t, string(answer.Data), `"success":true`)
	heard, err := endOf(t, s)
	require.ErrorIs(t, err, natsdriver.ErrLeader)

	killed := false
	natstest.Until(t, "a leader that can be killed", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // a question may be lost with its leader
		defer cancel()
		stream, err := js.Stream(ctx, "backplane_log")
		for _, server := range servers {
			if err == nil && server.Name() == stream.CachedInfo().Cluster.Leader {
				server.Kill(t)
				killed = true
			}
		}
		return killed
	})
	appendTo(t, d, "a", "after")
	close(stop)
	want := <-acknowledged
	log, err := replayAll(t, d, "a", begin)
	require.NoError(t, err)
	requireEach(t, want, log)
	require.Equal(t, append(first, heard...), log[:len(heard)+2])
}
