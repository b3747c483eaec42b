// Package metrics lists all metrics of clusters and servers. Packages metrics/prometheus and metrics/otel export them,
// and docs/reference/metrics.md explains them.
//
// # Files
//
//   - metrics.go: what a metric is
//   - cluster.go: the metrics of a cluster
//   - server.go: the metrics of a server
package metrics

import (
	"maps"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// Kind says what the values of a metric are.
type Kind string

// The kinds of metrics.
const (
	Counter   Kind = "counter"   // only grows
	Gauge     Kind = "gauge"     // a state
	Histogram Kind = "histogram" // observations in buckets
)

// Metric describes a metric. No label has values that a client or a peer can choose.
type Metric struct {
	Name  string // as Prometheus has it
	OTel  string // as OpenTelemetry has it
	Kind  Kind
	Unit  string // in the notation of UCUM: "s", "By", or what is counted, as in "{message}"
	Label string // the name of the only label, empty if there is none
	Help  string

	cluster func(*backplane.Stats) []Sample
	server  func(*socketio.Stats) []Sample
}

// Sample is a value of a metric.
type Sample struct {
	Labels    []Label // those of the metric; OpenTelemetry and Prometheus use the same
	Value     float64
	Histogram backplane.Histogram // for a Histogram, in place of Value
}

// Label is a label and its value.
type Label struct{ Name, Value string }

// OfCluster returns the values of a metric of Cluster.
func (m *Metric) OfCluster(s *backplane.Stats) []Sample { return m.cluster(s) }

// OfServer returns the values of a metric of Server.
func (m *Metric) OfServer(s *socketio.Stats) []Sample { return m.server(s) }

// Labels returns the names of the labels.
func (m *Metric) Labels() []string {
	switch m.Label {
	case "":
		return nil
	case kindAndOutcome:
		return []string{"kind", "outcome"}
	}
	return []string{m.Label}
}

// kindAndOutcome stands for two labels.
const kindAndOutcome = "kind, outcome"

// one is the only value of a metric.
func one[N uint64 | int | int64 | float64](value N) []Sample {
	return []Sample{{Value: float64(value)}}
}

// yes is 1 for true.
func yes(b bool) []Sample {
	if b {
		return one(1)
	}
	return one(0)
}

// observed is the only value of a histogram.
func observed(h backplane.Histogram) []Sample { return []Sample{{Histogram: h}} }

// by has one value for each value of a label.
func by[K ~string, N uint64 | int](label string, values map[K]N) []Sample {
	var all []Sample
	for _, k := range slices.Sorted(maps.Keys(values)) {
		all = append(all, Sample{Labels: []Label{{label, string(k)}}, Value: float64(values[k])})
	}
	return all
}
