package otel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/backplane-go/backplane/internal/metrics"
)

// Producer produces the histograms of a cluster and of a server, for sdkmetric.WithProducer. It is safe for concurrent
// use.
type Producer struct {
	config Config
	began  time.Time
}

var _ sdk.Producer = (*Producer)(nil)

// NewProducer returns a Producer. It ignores Config.MeterProvider.
func NewProducer(config Config) *Producer { return &Producer{config: config, began: time.Now()} }

// Produce implements sdkmetric.Producer. Its histograms are cumulative. It returns no error.
func (p *Producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	now := time.Now()
	var all []metricdata.Metrics
	add := func(m *metrics.Metric, samples []metrics.Sample) {
		for _, s := range samples {
			all = append(all, metricdata.Metrics{Name: m.OTel, Description: m.Help, Unit: m.Unit,
				Data: p.histogram(now, attributes(m, s, p.config.Attributes), s)})
		}
	}
	if p.config.Cluster != nil {
		stats := p.config.Cluster.Stats()
		for _, m := range metrics.Cluster() {
			if m.Kind == metrics.Histogram {
				add(&m, m.OfCluster(&stats))
			}
		}
	}
	if p.config.Server != nil {
		stats := p.config.Server.Stats()
		for _, m := range metrics.Server() {
			if m.Kind == metrics.Histogram {
				add(&m, m.OfServer(&stats))
			}
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: Scope}, Metrics: all}}, nil
}

func (p *Producer) histogram(
	now time.Time, attributes attribute.Set, s metrics.Sample,
) metricdata.Histogram[float64] {
	return metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality,
		DataPoints: []metricdata.HistogramDataPoint[float64]{{Attributes: attributes, StartTime: p.began, Time: now,
			Count: s.Histogram.Count(), Bounds: s.Histogram.Bounds, BucketCounts: s.Histogram.Counts,
			Sum: s.Histogram.Sum}}}
}
