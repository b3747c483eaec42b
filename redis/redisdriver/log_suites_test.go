package redisdriver_test

import (
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// logHarness is that of a single server of its own, which it crashes.
func logHarness(tb testing.TB, config redisdriver.Config) conformance.LogHarness {
	redis := redistest.New(tb, "appendonly yes", "appendfsync everysec")
	p := proxy.Start(tb, redis.Address())
	return conformance.LogHarness{
		NewLog: func(tb testing.TB) transport.Log {
			return closed(tb, redisdriver.NewWithConfig(client(tb, p.Address()), config))
		},
		NewEpoch: func(tb testing.TB, _ transport.Log) { redis.Do(tb, "FLUSHALL") },
		Crash:    func(tb testing.TB, _ transport.Log) { redis.Kill(tb); redis.Up(tb) },
		Unwritable: func(tb testing.TB, _ transport.Log) (repair func()) {
			redis.Do(tb, "CONFIG", "SET", "maxmemory", "1")
			return func() { redis.Do(tb, "CONFIG", "SET", "maxmemory", "0") }
		},
		NoServer: func(tb testing.TB) transport.Log {
			return closed(tb, redisdriver.NewWithConfig(client(tb, "127.0.0.1:1"), config))
		},
		Stall: func(testing.TB, transport.Log) (resume func()) { return proxy.Stall(p) },
	}
}

func TestLogConformance(t *testing.T) { conformance.Log(t, logHarness(t, clusterConfig)) }

func TestLogConformanceWithOptions(t *testing.T) {
	conformance.Log(t, logHarness(t, redisdriver.Config{Prefix: "a}b {%*?[\n\xff", MaxPayload: 1000}))
}

func TestSessionsConformance(t *testing.T) {
	p := proxy.Start(t, redistest.New(t).Address())
	conformance.Sessions(t, conformance.SessionsHarness{
		NewSessions: func(tb testing.TB) storage.Sessions {
			return closed(tb, redisdriver.New(client(tb, p.Address())))
		},
		Stall: func(testing.TB, storage.Sessions) (resume func()) { return proxy.Stall(p) },
	})
}

// TestAppendConformance shows that kept messages are delivered as others are.
func TestAppendConformance(t *testing.T) {
	h := harness(t, redisdriver.Config{})
	newBus, noServer := h.NewBus, h.NoServer
	appending := func(newBus func(testing.TB) transport.Bus) func(testing.TB) transport.Bus {
		return func(tb testing.TB) transport.Bus {
			return conformance.AppendingBus(newBus(tb).(transport.Log))
		}
	}
	h.NewBus, h.NoServer = appending(newBus), appending(noServer)
	conformance.Bus(t, h)
}
