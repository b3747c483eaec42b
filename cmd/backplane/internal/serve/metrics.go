package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	metrics "github.com/backplane-go/backplane/metrics/prometheus"
)

// scrapeTimeout limits how long a client of the metrics may take to send its request, and to read the response.
const scrapeTimeout = 10 * time.Second

// serveMetrics serves the metrics of the node, of Go's runtime and of the process at /metrics until Stop, on an address
// of their own, because they are not for the clients.
func (n *Node) serveMetrics(listener net.Listener, logger *slog.Logger) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.New(metrics.Config{Cluster: n.cluster, Server: n.io}),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	log := slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: log}))
	n.metrics = &http.Server{Handler: mux, ReadTimeout: scrapeTimeout, WriteTimeout: scrapeTimeout, ErrorLog: log}
	n.group.Go(func() {
		if err := n.metrics.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.fail(err)
		}
	})
}

// stopMetrics frees the address of the metrics.
func (n *Node) stopMetrics(ctx context.Context) error {
	if n.metrics == nil {
		return nil
	}
	if err := n.metrics.Shutdown(ctx); err != nil {
		return errors.Join(err, n.metrics.Close())
	}
	return nil
}
