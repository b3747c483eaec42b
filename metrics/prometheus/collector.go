// Package prometheus exports the metrics of a cluster and of a Socket.IO server to Prometheus. Its name is that of the
// client library, so give one of them another name:
//
//	import (
//		"github.com/prometheus/client_golang/prometheus"
//
//		metrics "github.com/backplane-go/backplane/metrics/prometheus"
//	)
//
//	prometheus.MustRegister(metrics.New(metrics.Config{Cluster: cluster, Server: io}))
//
// Values are read when Prometheus scrapes, without I/O. Nothing is measured for the collector that is not measured
// anyway. No label has values that clients or other nodes can choose, so the number of time series is fixed: about 250.
//
// docs/reference/metrics.md explains all metrics.
package prometheus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/metrics"
	"github.com/backplane-go/backplane/socketio"
)

// Config says whose metrics a Collector exports. Metrics of a nil field are not exported.
type Config struct {
	Cluster *backplane.Cluster
	Server  *socketio.Server
}

// Collector is a prometheus.Collector. To register several in one registry, give each another label with
// prometheus.WrapRegistererWith. It is safe for concurrent use.
type Collector struct {
	config          Config
	cluster, server []described
}

// described is a metric and its description.
type described struct {
	metrics.Metric
	desc *prometheus.Desc
}

var _ prometheus.Collector = (*Collector)(nil)

// New returns a Collector.
func New(config Config) *Collector {
	c := &Collector{config: config}
	if config.Cluster != nil {
		c.cluster = describe(metrics.Cluster())
	}
	if config.Server != nil {
		c.server = describe(metrics.Server())
	}
	return c
}

func describe(list []metrics.Metric) []described {
	all := make([]described, len(list))
	for i, m := range list {
		all[i] = described{m, prometheus.NewDesc(m.Name, m.Help, m.Labels(), nil)}
	}
	return all
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range c.cluster {
		to <- m.desc
	}
	for _, m := range c.server {
		to <- m.desc
	}
}

// Collect implements prometheus.Collector. The values of a cluster, and those of a server, are of one moment.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	if c.config.Cluster != nil {
		stats := c.config.Cluster.Stats()
		for _, m := range c.cluster {
			m.send(to, m.OfCluster(&stats))
		}
	}
	if c.config.Server != nil {
		stats := c.config.Server.Stats()
		for _, m := range c.server {
			m.send(to, m.OfServer(&stats))
		}
	}
}

func (d *described) send(to chan<- prometheus.Metric, samples []metrics.Sample) {
	for _, s := range samples {
		values := make([]string, len(s.Labels))
		for i, l := range s.Labels {
			values[i] = l.Value
		}
		switch d.Kind {
		case metrics.Histogram:
			to <- prometheus.MustNewConstHistogram(d.desc, s.Histogram.Count(), s.Histogram.Sum, buckets(s.Histogram))
		case metrics.Counter:
			to <- prometheus.MustNewConstMetric(d.desc, prometheus.CounterValue, s.Value, values...)
		default:
			to <- prometheus.MustNewConstMetric(d.desc, prometheus.GaugeValue, s.Value, values...)
		}
	}
}

// buckets returns how many observations are up to each bound.
func buckets(h backplane.Histogram) map[float64]uint64 {
	all, sum := make(map[float64]uint64, len(h.Bounds)), uint64(0)
	for i, bound := range h.Bounds {
		sum += h.Counts[i]
		all[bound] = sum
	}
	return all
}
