package prometheus_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane"
	metrics "github.com/backplane-go/backplane/metrics/prometheus"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

// load makes two nodes and their clients do some of everything, and returns the nodes.
func load(t *testing.T) (a, b *node) {
	t.Helper()
	hub := memory.NewHub()
	a, b = start(t, hub), start(t, hub, func(c *socketio.Config) { c.Recovery = &socketio.Recovery{} })
	for _, n := range []*node{a, b} {
		n.OnConnection(func(s *socketio.Socket) {
			s.On("echo", func(text string, ack func(string)) { ack(text) })
			s.On("all", func(text string) { _ = n.EmitAsync("said", text) })
		})
	}
	require.NoError(t, a.WaitForPeers(t.Context(), 1))
	require.NoError(t, b.WaitForPeers(t.Context(), 1))
	onA, onB := connect(t, a), connect(t, b)
	for i := range 100 {
		onA.send(fmt.Sprintf(`42["all","%d"]`, i))
		onB.until(fmt.Sprintf(`42["said","%d"`, i))
		onA.until(fmt.Sprintf(`42["said","%d"`, i))
	}
	onA.send(`421["echo","x"]`)
	onA.until(`431["x"]`)
	asked := make(chan error, 1)
	go func() {
		_, err := a.EmitWithAck(t.Context(), "question")
		asked <- err
	}()
	for _, c := range []*conn{onA, onB} {
		question := c.until("42")
		id := regexp.MustCompile(`^42(\d+)\[`).FindStringSubmatch(question)
		require.NotNil(t, id, question)
		c.send("43" + id[1] + `["answer"]`)
	}
	require.NoError(t, <-asked)
	return a, b
}

// documented are the names of the metrics of docs/reference/metrics.md, with their types.
func documented(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/reference/metrics.md")
	require.NoError(t, err)
	all := make(map[string]string)
	for _, m := range regexp.MustCompile("(?m)^\\| `(backplane_\\w+)` \\| `[\\w.]+` \\| (\\w+),").
		FindAllStringSubmatch(string(page), -1) {
		all[m[1]] = m[2]
	}
	require.Greater(t, len(all), 50)
	return all
}

func TestScrapeUnderLoadHasExactlyTheDocumentedMetrics(t *testing.T) {
	a, b := load(t)
	for _, n := range []*node{a, b} {
		got := make(map[string]string)
		for name, family := range n.scrape(t) {
			got[name] = strings.ToLower(family.GetType().String())
		}
		require.Equal(t, documented(t), got)
	}
}

func TestScrapeUnderLoadHasTheRightValues(t *testing.T) {
	a, b := load(t)
	session := poll(t, a)
	a.eventually(t, "backplane_round_trip_seconds", "", 1)
	a.eventually(t, "backplane_server_sent_events_total", "", 101) // counted once all clients were sent the event
	a.eventually(t, "backplane_server_sent_acks_total", "", 1)
	got := a.scrape(t)
	for _, want := range []struct {
		name, label string
		value       float64
	}{
		{"backplane_listening", "", 1}, {"backplane_peers", "", 1}, {"backplane_namespaces", "", 1},
		{"backplane_peer_changes_total", "joined", 1}, {"backplane_deaf_seconds_total", "", 0},
		{"backplane_requests_total", "complete", 1}, {"backplane_requests_total", "", 1},
		{"backplane_publish_queue_messages", "", 0}, {"backplane_dropped_messages_total", "", 0},
		{"backplane_errors_total", "", 0},
		{"backplane_server_clients", "websocket", 1}, {"backplane_server_clients", "polling", 1},
		{"backplane_server_unjoined_clients", "", 1},
		{"backplane_server_connects_total", "", 2}, {"backplane_server_refusals_total", "", 0},
		{"backplane_server_received_events_total", "", 101}, {"backplane_server_sent_events_total", "", 101},
		{"backplane_server_received_acks_total", "", 1}, {"backplane_server_sent_acks_total", "", 1},
		{"backplane_server_awaited_acks", "", 0},
		{"backplane_server_handler_duration_seconds", "", 7}, // one of 16
	} {
		assert.Equal(t, want.value, value(got, want.name, want.label), "%s %s", want.name, want.label)
	}
	for _, name := range []string{"backplane_published_messages_total", "backplane_publish_batch_messages",
		"backplane_publish_duration_seconds", "backplane_server_received_bytes_total",
		"backplane_server_sent_bytes_total"} {
		assert.Greater(t, value(got, name, ""), 50.0, name)
	}
	assert.Greater(t, value(got, "backplane_received_messages_total", "own"), 50.0)
	assert.Greater(t, value(b.scrape(t), "backplane_received_messages_total", "other"), 100.0)

	response, err := http.Post(session, "text/plain", strings.NewReader("1"))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	a.eventually(t, "backplane_server_disconnects_total", "transport close", 1)
	require.Equal(t, 0.0, value(a.scrape(t), "backplane_server_clients", "polling"))
}

// What clients send does not make time series.
func TestClientsCannotMakeTimeSeries(t *testing.T) {
	a, _ := load(t)
	a.OfFunc(func(name string, _ backplane.Value) bool { return strings.HasPrefix(name, "/dynamic") })
	series := func() (all []string) {
		for name, family := range a.scrape(t) {
			for _, m := range family.GetMetric() {
				all = append(all, name+" "+fmt.Sprint(m.GetLabel()))
			}
		}
		slices.Sort(all)
		return all
	}
	before := series()
	require.Less(t, len(before), 300, "the package's comment says how many there are")
	for i := range 20 {
		c := connect(t, a)
		c.send(fmt.Sprintf("40/dynamic-%d,", i))
		c.until("40/dynamic")
		c.send(fmt.Sprintf("40/unknown-%d,", i))
		c.until("44/unknown")
		c.send(fmt.Sprintf(`42["event-%d"]`, i))
		response, err := http.Get(fmt.Sprintf("%s/socket.io/?EIO=4&transport=invented-%d", a.url, i))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		c.send("9")
		_ = c.Close()
	}
	a.eventually(t, "backplane_server_refusals_total", "Invalid namespace", 20)
	a.eventually(t, "backplane_server_refusals_total", "Transport unknown", 20)
	a.eventually(t, "backplane_server_disconnects_total", "", 20)
	require.Equal(t, before, series())
}

func TestNamesPassPromlint(t *testing.T) {
	a, _ := load(t)
	problems, err := testutil.CollectAndLint(metrics.New(metrics.Config{Cluster: a.cluster, Server: a.Server}))
	require.NoError(t, err)
	require.Equal(t, []promlint.Problem(nil), problems)
}

func TestNilFieldsAreLeftOut(t *testing.T) {
	a := start(t, memory.NewHub())
	names := func(c metrics.Config) (cluster, server int) {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(metrics.New(c))
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "backplane_server_") {
				server++
			} else {
				cluster++
			}
		}
		return cluster, server
	}
	cluster, server := names(metrics.Config{Cluster: a.cluster})
	require.Positive(t, cluster)
	require.Zero(t, server)
	cluster, server = names(metrics.Config{Server: a.Server})
	require.Zero(t, cluster)
	require.Positive(t, server)
	cluster, server = names(metrics.Config{})
	require.Zero(t, cluster+server)
}

// The buckets of a histogram are cumulative, and their last one has all observations.
func TestHistogramsAreCumulative(t *testing.T) {
	a, _ := load(t)
	for name, family := range a.scrape(t) {
		if family.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		h := family.GetMetric()[0].GetHistogram()
		last := uint64(0)
		for _, b := range h.GetBucket() {
			require.GreaterOrEqual(t, b.GetCumulativeCount(), last, name)
			last = b.GetCumulativeCount()
		}
		require.Equal(t, h.GetSampleCount(), last, "%s: the bucket without a bound", name)
	}
}
