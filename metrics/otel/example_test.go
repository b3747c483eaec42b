package otel_test

import (
	"context"
	"fmt"
	"log"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/backplane-go/backplane"
	metrics "github.com/backplane-go/backplane/metrics/otel"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// A program that sends its metrics somewhere uses sdkmetric.NewPeriodicReader and an exporter in place of the reader.
func ExampleRegister() {
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

	config := metrics.Config{Cluster: cluster, Server: server}
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(metrics.NewProducer(config)))
	config.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	registration, err := metrics.Register(config)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = registration.Unregister() }()

	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		log.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if gauge, is := m.Data.(metricdata.Gauge[int64]); is && m.Name == "backplane.listening" {
				fmt.Println(m.Name, gauge.DataPoints[0].Value)
			}
		}
	}
	// Output: backplane.listening 1
}
