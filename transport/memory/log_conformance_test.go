package memory_test

import (
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func logHarness(config memory.Config) conformance.LogHarness {
	hub := memory.NewHubWithConfig(config)
	return conformance.LogHarness{
		NewLog:   func(testing.TB) transport.Log { return hub },
		NewEpoch: func(testing.TB, transport.Log) { hub.NewEpoch() },
		Crash: func(testing.TB, transport.Log) {
			hub.Fail(nil)
			hub.Sever(nil)
			hub.Heal()
		},
		Unwritable: func(testing.TB, transport.Log) (repair func()) {
			hub.FailLog(nil)
			return hub.Heal
		},
		NoServer: func(testing.TB) transport.Log {
			hub := memory.NewHubWithConfig(config)
			hub.Fail(nil)
			return hub
		},
		Stall: func(testing.TB, transport.Log) (resume func()) {
			hub.Stall()
			return hub.Heal
		},
	}
}

func TestLogConformance(t *testing.T) { conformance.Log(t, logHarness(memory.Config{})) }

func TestLogConformanceWithLimits(t *testing.T) {
	conformance.Log(t, logHarness(memory.Config{Limits: transport.Limits{Payload: 7999, Channel: 63, Text: true}}))
}

// TestAppendConformance shows that kept messages are delivered as others are.
func TestAppendConformance(t *testing.T) {
	h := harness(memory.Config{Limits: transport.Limits{Payload: 7999, Channel: 63, Text: true}})
	newBus := h.NewBus
	h.NewBus = func(tb testing.TB) transport.Bus { return conformance.AppendingBus(newBus(tb).(transport.Log)) }
	conformance.Bus(t, h)
}

func TestSessionsConformance(t *testing.T) {
	hub := memory.NewHub()
	conformance.Sessions(t, conformance.SessionsHarness{
		NewSessions: func(testing.TB) storage.Sessions { return hub },
		Stall: func(testing.TB, storage.Sessions) (resume func()) {
			hub.Stall()
			return hub.Heal
		},
	})
}
