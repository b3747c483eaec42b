package prometheus_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/backplane-go/backplane"
	metrics "github.com/backplane-go/backplane/metrics/prometheus"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

func ExampleNew() {
	ctx := context.Background()
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: memory.NewHub()})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = cluster.Close(ctx) }()
	server, err := socketio.NewServer(socketio.Config{Cluster: cluster})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close(ctx) }()

	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.New(metrics.Config{Cluster: cluster, Server: server}))
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", server)
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	listener := httptest.NewServer(mux)
	defer listener.Close()
	response, err := http.Get(listener.URL + "/metrics")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "backplane_listening") || strings.HasPrefix(line, "backplane_server_clients{") {
			fmt.Print(line)
		}
	}
	// Output:
	// backplane_listening 1
	// backplane_server_clients{transport="polling"} 0
	// backplane_server_clients{transport="websocket"} 0
}
