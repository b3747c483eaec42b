package socketio_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// status returns the status of a handshake.
func (n *node) status(t *testing.T) int {
	t.Helper()
	response, err := http.Get(n.url + "/socket.io/?EIO=4&transport=polling")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestDrainDisconnectsTheClientsOneAfterTheOther(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.DrainTime = time.Hour })
	ended := newEvents[string]()
	n.OnConnection(func(s *socketio.Socket) { s.OnDisconnect(ended.add) })
	clients := []*peer{connect(t, n), connect(t, n), connect(t, n)}
	require.Empty(t, n.Unready())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- n.Drain(ctx) }()
	require.Equal(t, "server shutting down", ended.next(t))
	ended.none(t) // for the next 20 minutes
	require.Equal(t, []string{"the server is draining"}, n.Unready())
	require.Equal(t, http.StatusServiceUnavailable, n.status(t))
	eventually(t, "the other clients are connected", func() bool { return n.ClientsCount() == 2 })

	cancel()
	require.ErrorIs(t, <-drained, context.Canceled)
	for _, p := range clients {
		p.expect("closed") // and no packet before: official clients reconnect
	}
	require.Equal(t, []string{"the server is closed"}, n.Unready())
}

func TestDrainEndsLikeShutdown(t *testing.T) {
	hub := memory.NewHub()
	log := &logbook{}
	a := serve(t, logsTo(log), func(c *socketio.Config) {
		c.Cluster, c.DrainTime = member(t, hub), 20*time.Millisecond
	})
	b := serve(t, func(c *socketio.Config) { c.Cluster = member(t, hub) })
	require.NoError(t, b.WaitForPeers(t.Context(), 1))
	handled, running, hold := newEvents[string](), make(chan struct{}), make(chan struct{})
	joined := connected(a.Namespace)
	p := connect(t, a)
	s := joined.next(t)
	s.On("x", func() {
		close(running)
		<-hold
		handled.add("handled")
	})
	p.send(`2["x"]`)
	<-running
	require.NoError(t, s.Emit("last"))
	drained := make(chan error, 1)
	go func() { drained <- a.Drain(t.Context()) }()
	p.expect(`2["last"]`, "closed")
	handled.none(t)
	close(hold)
	require.NoError(t, <-drained)
	require.Equal(t, "handled", handled.next(t), "Drain waits for handlers")
	eventually(t, "the other node gets the leave message", func() bool { return len(b.Peers()) == 0 })
	log.await(t, `"socketio: server draining"`, "level=INFO", "clients=1", "over=20ms")
	require.NoError(t, a.Drain(t.Context()), "again")
}

// A server without clients does not wait.
func TestDrainWithoutClientsEndsAtOnce(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.DrainTime = 1000 * time.Hour })
	require.NoError(t, n.Drain(t.Context()))
}

func TestCloseEndsDrain(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.DrainTime = 1000 * time.Hour })
	first, second := connect(t, n), connect(t, n)
	drained := make(chan error, 1)
	go func() { drained <- n.Drain(t.Context()) }()
	eventually(t, "the first client is disconnected", func() bool { return n.ClientsCount() == 1 })
	require.NoError(t, n.Close(t.Context()))
	require.NoError(t, <-drained)
	first.expect("closed")
	second.expect("closed")
}

func TestNegativeDrainTimeIsAnError(t *testing.T) {
	_, err := socketio.NewServer(socketio.Config{DrainTime: -1})
	require.ErrorContains(t, err, "DrainTime")
}

// A server is not ready while its cluster is not.
func TestServerIsAsReadyAsItsCluster(t *testing.T) {
	hub := memory.NewHub()
	cluster := member(t, hub)
	n := serve(t, func(c *socketio.Config) { c.Cluster = cluster })
	require.Empty(t, n.Unready())
	require.NoError(t, cluster.Close(t.Context()))
	require.Equal(t, []string{"the cluster is closed"}, n.Unready())
}

// member opens a cluster on a hub.
func member(t *testing.T, hub *memory.Hub) *backplane.Cluster {
	t.Helper()
	cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: hub})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close(context.Background())) })
	return cluster
}
