package memory_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func harness(config memory.Config) conformance.Harness {
	hub := memory.NewHubWithConfig(config)
	return conformance.Harness{
		NewBus:         func(testing.TB) transport.Bus { return hub },
		Sever:          func(testing.TB, transport.Bus) { hub.Sever(nil) },
		SeverPublisher: func(testing.TB, transport.Bus) {}, // a hub has no connections
		Foreign: func(tb testing.TB, _ transport.Bus, name string) (leave func()) {
			e, err := hub.EnterForeign(tb.Context(), name)
			require.NoError(tb, err)
			return func() { _ = e.Close(context.Background()) }
		},
		SeverEntries: func(testing.TB, transport.Bus) { hub.Sever(nil) },
		NoServer: func(testing.TB) transport.Bus {
			hub := memory.NewHubWithConfig(config)
			hub.Fail(nil)
			return hub
		},
		Stall: func(testing.TB, transport.Bus) (resume func()) {
			hub.Stall()
			return hub.Heal
		},
	}
}

func TestConformance(t *testing.T) {
	conformance.Bus(t, harness(memory.Config{}))
}

func TestConformanceWithLimits(t *testing.T) {
	conformance.Bus(t, harness(memory.Config{
		Limits: transport.Limits{Payload: 7999, Channel: 63, Text: true},
	}))
}

func TestConformanceWithoutChannelLimit(t *testing.T) {
	conformance.Bus(t, harness(memory.Config{Limits: transport.Limits{Payload: 1000}}))
}

func BenchmarkBus(b *testing.B) { conformance.BenchmarkBus(b, harness(memory.Config{})) }
