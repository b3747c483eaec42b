package redisdriver_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

// counting is a node's sockets, which count the events that they get.
type counting struct {
	*backplane.Registry
	got chan struct{}
}

func (c *counting) Broadcast(*backplane.Packet, backplane.Selector) { c.got <- struct{}{} }

// BenchmarkEmit compares a cluster with a log with one without: two nodes, one of which emits with a number of emits in
// flight; an event has 100 bytes. Both take turns. It reports events per second that the other node has got, and their
// ratio.
func BenchmarkEmit(b *testing.B) {
	for _, persistence := range []string{"no", "everysec"} {
		for _, inFlight := range []int{1, 64, 256} {
			b.Run(fmt.Sprint("AOF=", persistence, "/", inFlight), func(b *testing.B) {
				settings := []string{"appendonly yes", "appendfsync " + persistence}
				if persistence == "no" {
					settings = nil
				}
				server := redistest.New(b, settings...)
				plain := newPair(b, server, nil)
				logged := newPair(b, server, &backplane.LogConfig{MaxBytes: 64 << 20})
				n := 20 * max(inFlight, 32)
				plain.phase(b, n, inFlight)
				logged.phase(b, n, inFlight)
				var without, with time.Duration
				total := 0
				for b.Loop() {
					without += plain.phase(b, n, inFlight)
					with += logged.phase(b, n, inFlight)
					total += n
				}
				b.ReportMetric(float64(total)/without.Seconds(), "published/s")
				b.ReportMetric(float64(total)/with.Seconds(), "kept/s")
				b.ReportMetric(without.Seconds()/with.Seconds(), "ratio")
			})
		}
	}
}

// pair is a node that emits and one that receives.
type pair struct {
	sender   *backplane.Namespace
	received chan struct{}
	text     string
}

func newPair(b *testing.B, server *redistest.Server, log *backplane.LogConfig) *pair {
	b.Helper()
	p := &pair{received: make(chan struct{}, 1<<16), text: strings.Repeat("x", 100)}
	prefix := "plain"
	if log != nil {
		prefix = "logged"
	}
	open := func(sockets backplane.LocalSockets) *backplane.Namespace {
		bus := redisdriver.NewWithConfig(client(b, server.Address()), redisdriver.Config{Prefix: prefix})
		cluster, err := backplane.Open(b.Context(), backplane.Config{Bus: bus, Log: log})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, cluster.Close(context.Background())) })
		ns, err := cluster.Namespace(b.Context(), "/", sockets)
		require.NoError(b, err)
		return ns
	}
	open(&counting{backplane.NewRegistry(backplane.RegistryConfig{}), p.received})
	p.sender = open(backplane.NewRegistry(backplane.RegistryConfig{}))
	require.NoError(b, p.sender.WaitForPeers(bounded(b), 1))
	return p
}

// phase emits n events and returns how long it took until the other node had all of them.
func (p *pair) phase(b *testing.B, n, inFlight int) time.Duration {
	begin := time.Now()
	var group sync.WaitGroup
	for range inFlight {
		group.Go(func() {
			for range n / inFlight {
				if err := p.sender.Emit(b.Context(), "event", p.text); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range n / inFlight * inFlight {
		<-p.received
	}
	group.Wait()
	return time.Since(begin)
}
