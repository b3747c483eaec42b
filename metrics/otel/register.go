// Package otel exports the metrics of a cluster and of a Socket.IO server with OpenTelemetry. Its name is that of
// OpenTelemetry's package, so give one of them another name:
//
//	import metrics "github.com/backplane-go/backplane/metrics/otel"
//
//	producer := metrics.NewProducer(metrics.Config{Cluster: cluster, Server: io})
//	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(producer))
//	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
//	registration, err := metrics.Register(metrics.Config{Cluster: cluster, Server: io, MeterProvider: provider})
//
// Register is for counters and gauges: they are observable instruments, whose values are read when the reader collects.
// OpenTelemetry has no observable histograms. NewProducer is for those.
//
// Nothing is measured for this package that is not measured anyway, and collecting does no I/O. No attribute has values
// that clients or other nodes can choose. Metrics whose names begin with "messaging." follow the semantic conventions
// for messaging.
//
// docs/reference/metrics.md explains all metrics.
package otel

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/metrics"
	"github.com/backplane-go/backplane/socketio"
)

// Scope is the name of the instrumentation scope of all metrics.
const Scope = "github.com/backplane-go/backplane"

// Config says whose metrics are exported. Metrics of a nil field are not.
type Config struct {
	Cluster *backplane.Cluster
	Server  *socketio.Server
	// MeterProvider makes the instruments of Register. Default: the global one.
	MeterProvider metric.MeterProvider
	// Attributes are added to each metric, for example to tell the clusters of a process apart.
	Attributes []attribute.KeyValue
}

// instrument observes the values of a metric.
type instrument struct {
	metrics.Metric
	observable metric.Observable
	observe    func(metric.Observer, float64, metric.ObserveOption)
}

// Register makes the instruments for all metrics but histograms, and observes them until Registration.Unregister is
// called. Errors are those of the MeterProvider. Call Unregister before the cluster and the server are closed.
func Register(config Config) (metric.Registration, error) {
	provider := config.MeterProvider
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	meter := provider.Meter(Scope)
	var cluster, server []instrument
	var err error
	if config.Cluster != nil {
		if cluster, err = instruments(meter, metrics.Cluster()); err != nil {
			return nil, err
		}
	}
	if config.Server != nil {
		if server, err = instruments(meter, metrics.Server()); err != nil {
			return nil, err
		}
	}
	var all []metric.Observable
	for _, i := range append(cluster[:len(cluster):len(cluster)], server...) {
		all = append(all, i.observable)
	}
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if config.Cluster != nil {
			stats := config.Cluster.Stats()
			for _, i := range cluster {
				i.send(o, i.OfCluster(&stats), config.Attributes)
			}
		}
		if config.Server != nil {
			stats := config.Server.Stats()
			for _, i := range server {
				i.send(o, i.OfServer(&stats), config.Attributes)
			}
		}
		return nil
	}, all...)
}

// instruments makes the instruments for metrics, without histograms.
func instruments(meter metric.Meter, list []metrics.Metric) (all []instrument, err error) {
	for _, m := range list {
		i := instrument{Metric: m}
		unit, help := metric.WithUnit(m.Unit), metric.WithDescription(m.Help)
		switch {
		case m.Kind == metrics.Histogram:
			continue
		case m.Kind == metrics.Counter && m.Unit == "s":
			c, failed := meter.Float64ObservableCounter(m.OTel, unit, help)
			i.observable, i.observe, err = c, seconds(c), failed
		case m.Kind == metrics.Counter:
			c, failed := meter.Int64ObservableCounter(m.OTel, unit, help)
			i.observable, i.observe, err = c, count(c), failed
		case m.Unit == "s":
			c, failed := meter.Float64ObservableGauge(m.OTel, unit, help)
			i.observable, i.observe, err = c, seconds(c), failed
		default:
			c, failed := meter.Int64ObservableGauge(m.OTel, unit, help)
			i.observable, i.observe, err = c, count(c), failed
		}
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}

func seconds(i metric.Float64Observable) func(metric.Observer, float64, metric.ObserveOption) {
	return func(o metric.Observer, v float64, with metric.ObserveOption) { o.ObserveFloat64(i, v, with) }
}

func count(i metric.Int64Observable) func(metric.Observer, float64, metric.ObserveOption) {
	return func(o metric.Observer, v float64, with metric.ObserveOption) { o.ObserveInt64(i, int64(v), with) }
}

func (i *instrument) send(o metric.Observer, samples []metrics.Sample, more []attribute.KeyValue) {
	for _, s := range samples {
		i.observe(o, s.Value, metric.WithAttributeSet(attributes(&i.Metric, s, more)))
	}
}

// attributes returns the attributes of a sample. Those of metrics for messaging are what the conventions demand.
func attributes(m *metrics.Metric, s metrics.Sample, more []attribute.KeyValue) attribute.Set {
	all := append([]attribute.KeyValue(nil), more...)
	if strings.HasPrefix(m.OTel, "messaging.") {
		operation := "publish"
		if strings.Contains(m.OTel, "consumed") {
			operation = "receive"
		}
		all = append(all, attribute.String("messaging.system", "backplane"),
			attribute.String("messaging.operation.name", operation))
	}
	for _, l := range s.Labels {
		all = append(all, attribute.String(l.Name, l.Value))
	}
	return attribute.NewSet(all...)
}
