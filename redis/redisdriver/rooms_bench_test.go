package redisdriver_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

// tally counts what its sockets get.
type tally struct {
	id  string
	got *atomic.Int64
}

func (s tally) ID() string        { return s.id }
func (s tally) Send(*core.Packet) { s.got.Add(1) }
func (s tally) Disconnect(bool)   {}

// BenchmarkRooms measures broadcasts of 100 bytes to single rooms. Each of 10,000 rooms has one socket, on one of 16
// nodes, all of which send, eight broadcasts at a time. In static mode everything goes to everybody.
func BenchmarkRooms(b *testing.B) {
	for _, mode := range []redissharded.Mode{redissharded.Static, redissharded.Dynamic} {
		b.Run(mode.String(), func(b *testing.B) { benchmarkRooms(b, mode, 16, 10_000) })
	}
}

func benchmarkRooms(b *testing.B, mode redissharded.Mode, nodes, rooms int) {
	address := redistest.New(b, "client-output-buffer-limit pubsub 0 0 0").Address()
	var got atomic.Int64
	var clusters []*core.Cluster
	var namespaces []*core.Namespace
	for i := range nodes {
		bus := redisdriver.NewWithConfig(client(b, address), redisdriver.Config{RawNames: true, Sharded: true})
		cluster, err := core.Open(bounded(b), core.Config{Bus: bus, Dialect: redissharded.Dialect{Mode: mode}})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, cluster.Close(context.Background())) })
		registry := core.NewRegistry(core.RegistryConfig{})
		ns, err := cluster.Namespace(bounded(b), "/", registry)
		require.NoError(b, err)
		clusters, namespaces = append(clusters, cluster), append(namespaces, ns)
		var joining sync.WaitGroup
		start, joins := time.Now(), 0
		for room := i; room < rooms; room += nodes {
			joins++
			joining.Go(func() { registry.Add(tally{fmt.Sprintf("socket %d", room), &got}, fmt.Sprint("room ", room)) })
		}
		joining.Wait()
		if i == 0 {
			b.Logf("%d sockets joined a room each in %v", joins, time.Since(start))
		}
	}
	received := func() (n uint64) {
		for _, c := range clusters {
			n += c.Stats().Received
		}
		return n
	}
	before, text := received(), strings.Repeat("x", 80)
	b.ResetTimer()
	var senders sync.WaitGroup
	var sent atomic.Int64
	for _, ns := range namespaces {
		for range 8 {
			senders.Go(func() {
				for sent.Add(1) <= int64(b.N) {
					room := fmt.Sprint("room ", rand.IntN(rooms))
					if err := ns.To(room).Emit(context.Background(), "event", text); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
	}
	senders.Wait()
	for end := time.Now().Add(patience); got.Load() < int64(b.N); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("%d of %d events arrived", got.Load(), b.N)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(received()-before)/float64(nodes)/float64(b.N), "received/node/event")
}
