package prometheus_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	metrics "github.com/backplane-go/backplane/metrics/prometheus"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// patience bounds how long a test waits for something that must happen.
const patience = 2 * time.Minute

// node is a server with its metrics at /metrics.
type node struct {
	*socketio.Server
	cluster *backplane.Cluster
	url     string
}

func start(t *testing.T, hub *memory.Hub, change ...func(*socketio.Config)) *node {
	t.Helper()
	cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: hub, HeartbeatInterval: 50 * time.Millisecond,
		HeartbeatTimeout: patience})
	require.NoError(t, err)
	config := socketio.Config{Cluster: cluster}
	for _, f := range change {
		f(&config)
	}
	n := &node{cluster: cluster}
	n.Server, err = socketio.NewServer(config)
	require.NoError(t, err)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.New(metrics.Config{Cluster: cluster, Server: n.Server}))
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", n.Server)
	options := promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}
	mux.Handle("/metrics", promhttp.HandlerFor(registry, options))
	listener := httptest.NewServer(mux)
	n.url = listener.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, n.Server.Close(ctx))
		listener.Close()
		require.NoError(t, cluster.Close(ctx))
	})
	return n
}

// scrape fetches /metrics.
func (n *node) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := http.Get(n.url + "/metrics")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	return families
}

// value returns the sum of the values of a metric, those with a label if label is not empty.
func value(families map[string]*dto.MetricFamily, name, label string) (sum float64) {
	for _, m := range families[name].GetMetric() {
		has := label == ""
		for _, l := range m.GetLabel() {
			has = has || l.GetValue() == label
		}
		if has {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// eventually waits until a metric has at least a value.
func (n *node) eventually(t *testing.T, name, label string, least float64) {
	t.Helper()
	require.Eventually(t, func() bool { return value(n.scrape(t), name, label) >= least }, patience,
		10*time.Millisecond, "%s %s is at least %v", name, label, least)
}

// conn is a client over WebSocket that has joined "/".
type conn struct {
	t *testing.T
	io.ReadWriteCloser
}

func connect(t *testing.T, n *node) *conn {
	t.Helper()
	nc, buffered, _, err := ws.Dial(t.Context(),
		"ws"+strings.TrimPrefix(n.url, "http")+"/socket.io/?EIO=4&transport=websocket")
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	c := &conn{t, nc}
	if buffered != nil {
		c.ReadWriteCloser = struct {
			io.Reader
			io.WriteCloser
		}{io.MultiReader(buffered, nc), nc}
	}
	c.until("0{")
	c.send("40")
	c.until("40{")
	return c
}

func (c *conn) send(packet string) {
	c.t.Helper()
	require.NoError(c.t, wsutil.WriteClientText(c, []byte(packet)))
}

// until reads until a packet begins with text, and returns it.
func (c *conn) until(text string) string {
	c.t.Helper()
	for {
		data, _, err := wsutil.ReadServerData(c)
		require.NoError(c.t, err, "waiting for %s", text)
		if string(data) == "2" {
			c.send("3")
		}
		if strings.HasPrefix(string(data), text) {
			return string(data)
		}
	}
}

// poll opens a session over polling, without joining a namespace, and returns its URL.
func poll(t *testing.T, n *node) (url string) {
	t.Helper()
	url = n.url + "/socket.io/?EIO=4&transport=polling"
	response, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var hello struct{ SID string }
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(string(text), "0")), &hello), "%s", text)
	return url + "&sid=" + hello.SID
}
