package backplane_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/lib/pq"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/transport/memory"
)

// BenchmarkCluster emits on one node and receives on another, through the whole system. The last part of a name is the
// number of concurrent callers, which limits how large the batches on the bus become.
func BenchmarkCluster(b *testing.B) {
	hub := memory.NewHub()
	for _, bus := range []struct {
		name   string
		config func(b *testing.B, url string) backplane.Config
	}{
		{"memory", func(*testing.B, string) backplane.Config { return backplane.Config{Bus: hub} }},
		{"pgx", func(b *testing.B, url string) backplane.Config {
			pool, err := pgxpool.New(b.Context(), url)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(pool.Close)
			return backplane.Config{Bus: pgxdriver.New(pool)}
		}},
		{"pq", func(b *testing.B, url string) backplane.Config {
			db, err := sql.Open("postgres", url)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			return backplane.Config{Bus: pqdriver.New(db, url)}
		}},
		{"memorySigned", func(*testing.B, string) backplane.Config {
			return backplane.Config{Bus: hub, Secret: make([]byte, 32)}
		}},
	} {
		b.Run(bus.name, func(b *testing.B) {
			url := ""
			if !strings.HasPrefix(bus.name, "memory") {
				url = pgtest.Database(b)
			}
			sink := &counting{Registry: backplane.NewRegistry(backplane.RegistryConfig{})}
			sender := openBench(b, bus.config(b, url), backplane.NewRegistry(backplane.RegistryConfig{}))
			receiver := openBench(b, bus.config(b, url), sink)
			if err := receiver.WaitForPeers(b.Context(), 1); err != nil {
				b.Fatal(err)
			}
			for _, payload := range []struct {
				name string
				arg  any
			}{
				{"json100B", strings.Repeat("x", 100)},
				{"json20KiB", strings.Repeat("x", 20<<10)},
				{"binary100B", make([]byte, 100)},
			} {
				for _, callers := range []int{1, 16, 256} {
					b.Run(fmt.Sprintf("%s/%d", payload.name, callers), func(b *testing.B) {
						emitAll(b, sender, sink, payload.arg, callers)
					})
				}
			}
		})
	}
}

// counting is a Local that counts broadcasts.
type counting struct {
	*backplane.Registry
	received atomic.Int64
	want     atomic.Int64
	all      chan struct{}
}

func (c *counting) Broadcast(*backplane.Packet, backplane.Selector) {
	if c.received.Add(1) == c.want.Load() {
		close(c.all)
	}
}

func openBench(b *testing.B, config backplane.Config, local backplane.LocalSockets) *backplane.Namespace {
	b.Helper()
	config.HeartbeatInterval, config.HeartbeatTimeout = time.Minute, 2*time.Minute
	cluster, err := backplane.Open(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cluster.Close(context.Background()) })
	ns, err := cluster.Namespace(b.Context(), "/", local)
	if err != nil {
		b.Fatal(err)
	}
	return ns
}

func emitAll(b *testing.B, sender *backplane.Namespace, sink *counting, arg any, callers int) {
	b.ReportAllocs()
	sink.all = make(chan struct{})
	sink.received.Store(0)
	sink.want.Store(int64(b.N))
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range callers {
		group.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := sender.Emit(b.Context(), "news", arg); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case <-sink.all:
	case <-time.After(time.Minute):
		b.Fatalf("%d of %d messages have arrived", sink.received.Load(), b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}
