package main_test

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/nats/natsdriver"
)

// startNATS starts a NATS server in this process, and returns its address. change may change its options.
func startNATS(t *testing.T, change func(o *server.Options)) (*server.Server, string) {
	t.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true}
	if change != nil {
		change(options)
	}
	running, err := server.NewServer(options)
	require.NoError(t, err)
	t.Cleanup(func() {
		running.Shutdown()
		running.WaitForShutdown()
	})
	running.Start()
	require.True(t, running.ReadyForConnections(patience))
	return running, net.JoinHostPort("127.0.0.1", strconv.Itoa(running.Addr().(*net.TCPAddr).Port))
}

// startNATSCluster starts two servers that are a NATS cluster, and returns their addresses.
func startNATSCluster(t *testing.T) []string {
	t.Helper()
	var running []*server.Server
	var addresses []string
	for _, name := range []string{"one", "two"} {
		s, address := startNATS(t, func(o *server.Options) {
			o.ServerName = name
			o.Cluster = server.ClusterOpts{Name: "both", Host: "127.0.0.1", Port: server.RANDOM_PORT}
			if len(running) > 0 {
				o.Routes = []*url.URL{{Scheme: "nats", Host: running[0].ClusterAddr().String()}}
			}
		})
		running, addresses = append(running, s), append(addresses, address)
	}
	require.Eventually(t, func() bool { return running[0].NumRemotes() > 0 && running[1].NumRemotes() > 0 }, patience,
		pause)
	return addresses
}

// newNATSWorld returns a world without nodes on NATS.
func newNATSWorld(t *testing.T, url string) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	return &world{t: t, ctx: ctx, url: url, engine: "--nats",
		registry: backplane.NewRegistry(backplane.RegistryConfig{ServerSideEmit: answer})}
}

// openNATSCluster adds a Go node.
func (w *world) openNATSCluster(config natsdriver.Config, options ...nats.Option) {
	w.t.Helper()
	w.openNATS(natsdriver.NewWithConfig(config, w.url, options...), backplane.Config{})
}

// openNATS adds a Go node with a configuration, whose bus is given.
func (w *world) openNATS(bus *natsdriver.Driver, config backplane.Config) {
	w.t.Helper()
	config.Bus = bus
	cluster, err := backplane.Open(w.ctx, config)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, cluster.Close(context.Background())) })
	w.cluster = cluster
	w.ours, err = cluster.Namespace(w.ctx, "/chat", w.registry)
	require.NoError(w.t, err)
}
