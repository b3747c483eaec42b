package metrics_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/metrics"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// row is a row of the tables of docs/reference/metrics.md.
var row = regexp.MustCompile("(?m)^\\| `(backplane_\\w+)` \\| `([\\w.]+)` \\| " +
	`(\w+), (\S+) \| (.*?) \| (.+?) \| (.+?) \|$`)

func TestPageHasAllMetrics(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/metrics.md")
	require.NoError(t, err)
	var listed, documented []string
	for _, m := range append(metrics.Cluster(), metrics.Server()...) {
		var labels []string
		for _, l := range m.Labels() {
			labels = append(labels, "`"+l+"`")
		}
		listed = append(listed, strings.Join([]string{m.Name, m.OTel, string(m.Kind), m.Unit,
			strings.Join(labels, ", "), m.Help}, " | "))
	}
	for _, r := range row.FindAllStringSubmatch(string(page), -1) {
		r[5] = strings.TrimSpace(r[5])
		documented = append(documented, strings.Join(r[1:7], " | "))
	}
	require.Equal(t, listed, documented)
}

// The names follow the conventions of Prometheus.
func TestNamesFollowTheConventions(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range append(metrics.Cluster(), metrics.Server()...) {
		assert.Equal(t, m.Kind == metrics.Counter, strings.HasSuffix(m.Name, "_total"), "%s: counters end so", m.Name)
		assert.Equal(t, m.Unit == "s", strings.Contains(m.Name, "_seconds"), "%s: times are in seconds", m.Name)
		assert.Equal(t, m.Unit == "By", strings.Contains(m.Name, "_bytes"), "%s: sizes are in bytes", m.Name)
		assert.Regexp(t, `^[A-Z0-9].*\.$`, m.Help, "%s: a sentence", m.Name)
		for _, name := range []string{m.Name, m.OTel} {
			assert.False(t, seen[name], "%s is there twice", name)
			seen[name] = true
		}
	}
}

// The values of labels do not depend on what has happened, so there are never more time series than at the start.
func TestEachMetricHasAllValuesOfItsLabelsFromTheStart(t *testing.T) {
	cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: memory.NewHub()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = cluster.Close(t.Context()) })
	server, err := socketio.NewServer(socketio.Config{Cluster: cluster})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close(t.Context()) })
	check := func(m metrics.Metric, samples []metrics.Sample) {
		require.NotEmpty(t, samples, m.Name)
		for _, s := range samples {
			var names []string
			for _, l := range s.Labels {
				names = append(names, l.Name)
			}
			require.Equal(t, m.Labels(), names, m.Name)
			if m.Kind == metrics.Histogram {
				require.NotEmpty(t, s.Histogram.Bounds, m.Name)
			}
		}
		if m.Label == "" {
			require.Len(t, samples, 1, m.Name)
		} else {
			require.Greater(t, len(samples), 1, m.Name)
		}
	}
	stats, io := cluster.Stats(), server.Stats()
	for _, m := range metrics.Cluster() {
		check(m, m.OfCluster(&stats))
	}
	for _, m := range metrics.Server() {
		check(m, m.OfServer(&io))
	}
	for q := range io.Reached {
		require.Contains(t, io.Refusals, string(q), "each quota can be the reason of a refusal")
		require.Contains(t, io.Disconnects, string(q), "and of a disconnection")
	}
}
