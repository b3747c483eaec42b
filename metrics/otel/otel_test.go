package otel_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane"
	metrics "github.com/backplane-go/backplane/metrics/otel"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a function that collects the metrics of a node, which has a peer.
func start(
	t *testing.T, change ...func(*metrics.Config),
) (server *socketio.Server, collect func() metricdata.ResourceMetrics) {
	t.Helper()
	hub := memory.NewHub()
	open := func() *backplane.Cluster {
		cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: hub})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, cluster.Close(context.Background())) })
		return cluster
	}
	cluster, peer := open(), open()
	server, err := socketio.NewServer(socketio.Config{Cluster: cluster})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	_, err = peer.Namespace(t.Context(), "/", backplane.NewRegistry(backplane.RegistryConfig{}))
	require.NoError(t, err)
	require.NoError(t, server.WaitForPeers(t.Context(), 1))

	config := metrics.Config{Cluster: cluster, Server: server}
	for _, f := range change {
		f(&config)
	}
	reader := sdk.NewManualReader(sdk.WithProducer(metrics.NewProducer(config)))
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	config.MeterProvider = provider
	registration, err := metrics.Register(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, registration.Unregister()) })
	return server, func() (all metricdata.ResourceMetrics) {
		require.NoError(t, reader.Collect(t.Context(), &all))
		return all
	}
}

// kinds returns the kinds and units of all metrics by name.
func kinds(t *testing.T, all metricdata.ResourceMetrics) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for _, scope := range all.ScopeMetrics {
		require.Equal(t, metrics.Scope, scope.Scope.Name)
		for _, m := range scope.Metrics {
			kind := ""
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				require.True(t, data.IsMonotonic, m.Name)
				kind = "counter"
			case metricdata.Sum[float64]:
				require.True(t, data.IsMonotonic, m.Name)
				kind = "counter"
			case metricdata.Gauge[int64], metricdata.Gauge[float64]:
				kind = "gauge"
			case metricdata.Histogram[float64]:
				kind = "histogram"
			}
			require.NotContains(t, found, m.Name, "twice")
			require.NotEmpty(t, m.Description, m.Name)
			found[m.Name] = kind + ", " + m.Unit
		}
	}
	return found
}

func TestCollectedMetricsAreExactlyTheDocumentedOnes(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/metrics.md")
	require.NoError(t, err)
	documented := make(map[string]string)
	for _, m := range regexp.MustCompile("(?m)^\\| `backplane_\\w+` \\| `([\\w.]+)` \\| (\\w+, \\S+) \\|").
		FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = m[2]
	}
	require.Greater(t, len(documented), 50)
	_, collect := start(t)
	require.Equal(t, documented, kinds(t, collect()))
}

func TestCollectedValues(t *testing.T) {
	server, collect := start(t, func(c *metrics.Config) {
		c.Attributes = []attribute.KeyValue{attribute.String("cluster", "main")}
	})
	for range 10 {
		require.NoError(t, server.Emit(t.Context(), "event"))
	}
	checked := 0
	all := collect()
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					value, has := p.Attributes.Value("cluster")
					require.True(t, has && value.AsString() == "main", "%s has Config.Attributes", m.Name)
					if m.Name == "messaging.client.sent.messages" {
						system, _ := p.Attributes.Value("messaging.system")
						operation, _ := p.Attributes.Value("messaging.operation.name")
						require.Equal(t, "backplane publish", system.AsString()+" "+operation.AsString())
						require.GreaterOrEqual(t, p.Value, int64(10))
						checked++
					}
				}
			case metricdata.Gauge[int64]:
				if m.Name == "backplane.listening" || m.Name == "backplane.peers" {
					require.EqualValues(t, 1, data.DataPoints[0].Value, m.Name)
					checked++
				}
			case metricdata.Histogram[float64]:
				p := data.DataPoints[0]
				require.Len(t, p.BucketCounts, len(p.Bounds)+1, m.Name)
				if m.Name == "messaging.client.operation.duration" {
					require.GreaterOrEqual(t, p.Count, uint64(10))
					require.Positive(t, p.Sum)
					checked++
				}
			}
		}
	}
	require.Equal(t, 4, checked)
}

func TestNilFieldsAreLeftOut(t *testing.T) {
	_, collect := start(t, func(c *metrics.Config) { c.Cluster = nil })
	for name := range kinds(t, collect()) {
		require.True(t, strings.HasPrefix(name, "backplane.server."), name)
	}
	_, collect = start(t, func(c *metrics.Config) { c.Server = nil })
	for name := range kinds(t, collect()) {
		require.False(t, strings.HasPrefix(name, "backplane.server."), name)
	}
	_, collect = start(t, func(c *metrics.Config) { c.Cluster, c.Server = nil, nil })
	require.Empty(t, kinds(t, collect()))
}
