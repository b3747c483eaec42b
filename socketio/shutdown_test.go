package socketio_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestShutdownWaitsForHandlers(t *testing.T) {
	n := serve(t)
	got := newEvents[string]()
	running, hold := make(chan struct{}), make(chan struct{})
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	s.On("x", func(ctx context.Context) {
		close(running)
		<-ctx.Done()
		<-hold
		got.add("handled")
	})
	s.OnDisconnect(func(reason string) { got.add(reason) })
	p.send(`2["x"]`)
	<-running
	require.NoError(t, s.Emit("last"))
	done := make(chan error, 1)
	go func() { done <- n.Shutdown(t.Context()) }()
	p.expect(`2["last"]`, "closed")
	got.none(t)
	close(hold)
	require.NoError(t, <-done)
	assert.Equal(t, "handled", got.next(t))
	assert.Equal(t, "server shutting down", got.next(t))

	response, err := http.Get(n.url + "/socket.io/?EIO=4&transport=polling")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.NotEqual(t, http.StatusOK, response.StatusCode)
	require.NoError(t, n.Shutdown(t.Context()), "again")
	require.ErrorIs(t, n.Emit(t.Context(), "x"), backplane.ErrClosed)
	require.ErrorIs(t, n.Of("/").Emit(t.Context(), "x"), backplane.ErrClosed)
	require.ErrorIs(t, n.Of("/new").Emit(t.Context(), "x"), backplane.ErrClosed)
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	hub := memory.NewHub()
	join := func() *backplane.Cluster {
		cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: hub, HeartbeatTimeout: time.Hour})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, cluster.Close(context.Background())) })
		return cluster
	}
	peer, err := join().Namespace(t.Context(), "/", backplane.NewRegistry(backplane.RegistryConfig{}))
	require.NoError(t, err)
	cluster := join()
	n := serve(t, func(c *socketio.Config) { c.Cluster = cluster })
	require.NoError(t, peer.WaitForPeers(t.Context(), 1))
	running, hold := make(chan struct{}), make(chan struct{})
	defer close(hold)
	n.OnConnection(func(s *socketio.Socket) {
		close(running)
		<-hold
	})
	connect(t, n)
	<-running
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, n.Shutdown(ctx), context.DeadlineExceeded)
	require.Eventually(t, func() bool { return len(peer.Peers()) == 0 }, patience, 10*time.Millisecond,
		"the other nodes must receive the leave message")
}

func TestCloseDoesNotWaitForHandlers(t *testing.T) {
	n := serve(t)
	running, hold := make(chan struct{}), make(chan struct{})
	n.OnConnection(func(s *socketio.Socket) {
		close(running)
		<-hold
	})
	p := connect(t, n)
	<-running
	require.NoError(t, n.Close(t.Context()))
	p.expect("closed")
	close(hold)
}

// Server.Close closes the whole server, although the other methods of "/" are those of a Server. An ended context
// does not prevent it.
func TestCloseClosesAllNamespaces(t *testing.T) {
	for name, canceled := range map[string]bool{"InTime": false, "AfterItsContextHasEnded": true} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			b.Of("/other")
			require.NoError(t, a.Of("/other").WaitForPeers(t.Context(), 1))
			p := connect(t, b)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if canceled {
				cancel()
			}
			require.NoError(t, b.Close(ctx))
			p.expect("closed")
			for _, nsp := range []string{"/", "/other"} {
				require.Eventually(t, func() bool { return len(a.Of(nsp).Peers()) == 0 }, 5*time.Second,
					10*time.Millisecond,
					"%s: the other node must receive the leave message, long before it would notice the missing "+
						"heartbeats", nsp)
				require.ErrorIs(t, b.Of(nsp).Emit(t.Context(), "x"), backplane.ErrClosed)
			}
		})
	}
}

func TestServerDoesNotCloseAGivenCluster(t *testing.T) {
	cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: memory.NewHub()})
	require.NoError(t, err)
	defer func() { require.NoError(t, cluster.Close(context.Background())) }()
	n := serve(t, func(c *socketio.Config) { c.Cluster = cluster })
	n.Of("/a")
	require.NoError(t, n.Shutdown(t.Context()))
	require.ErrorIs(t, n.Of("/b").Emit(t.Context(), "x"), backplane.ErrClosed)
	again := serve(t, func(c *socketio.Config) { c.Cluster = cluster })
	joined := connected(again.Namespace)
	connect(t, again)
	joined.next(t)

	_, err = socketio.NewServer(socketio.Config{Cluster: cluster})
	require.ErrorIs(t, err, backplane.ErrNamespaceExists)
}

func TestNewServerRefusesConfigs(t *testing.T) {
	for name, config := range map[string]socketio.Config{
		"UnknownTransport":        {Transports: []string{"carrier pigeon"}},
		"CredentialsForEverybody": {Origins: []string{"*"}, Credentials: true},
	} {
		_, err := socketio.NewServer(config)
		require.Error(t, err, name)
	}
}

func TestAdmit(t *testing.T) {
	n := serve(t, func(c *socketio.Config) {
		c.Admit = func(r *http.Request) error {
			if r.URL.Query().Get("token") == "" {
				return errors.New("secret reason")
			}
			return nil
		}
	})
	response, err := http.Get(n.url + "/socket.io/?EIO=4&transport=polling")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
	dial(t, n, "&token=1").join("", "")
}
