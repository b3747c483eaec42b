package backplane_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/busy"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/transport/memory"
)

var (
	orderRuns = flag.Int("order.runs", 1, "how often TestOrderUnderStarvation runs each case")
	orderFor  = flag.Duration("order.for", 300*time.Millisecond, "how long each run sends")
	orderBurn = flag.Int("order.burn", 20, "how many goroutines compute in the meantime")
)

// The messages of one sender arrive in order, and once, even if computing goroutines leave little CPU time to the
// nodes.
func TestOrderUnderStarvation(t *testing.T) {
	for _, bus := range []struct {
		name string
		open func(t *testing.T) func(t *testing.T) backplane.Config
	}{
		{"memory", func(*testing.T) func(*testing.T) backplane.Config {
			hub := memory.NewHub()
			return func(*testing.T) backplane.Config { return backplane.Config{Bus: hub} }
		}},
		{"pgx", func(t *testing.T) func(*testing.T) backplane.Config {
			url := pgtest.Database(t)
			return func(t *testing.T) backplane.Config {
				pool, err := pgxpool.New(t.Context(), url)
				require.NoError(t, err)
				t.Cleanup(pool.Close)
				return backplane.Config{Bus: pgxdriver.New(pool)}
			}
		}},
	} {
		for _, processors := range []int{1, 2, 8} {
			t.Run(fmt.Sprintf("%s/%d", bus.name, processors), func(t *testing.T) {
				config := bus.open(t)
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
				for run := range *orderRuns {
					t.Run(fmt.Sprint(run), func(t *testing.T) { starve(t, config) })
				}
			})
		}
	}
}

// sequence is a Local that wants each number to be greater than the one before.
type sequence struct {
	*backplane.Registry
	last  atomic.Int64
	came  atomic.Int64
	wrong atomic.Int64 // numbers that were not
	first atomic.Value // a description of the first of these
}

func (s *sequence) Broadcast(p *backplane.Packet, _ backplane.Selector) {
	var n int64
	values, err := p.Args.Values()
	if err == nil {
		err = values[0].Decode(&n)
	}
	last := s.last.Swap(n)
	if err != nil || n <= last {
		s.wrong.Add(1)
		s.first.CompareAndSwap(nil, fmt.Sprintf("%d after %d (error: %v)", n, last, err))
	}
	s.came.Add(1)
}

// starve sends for a while from one node to another, single messages and bursts, while other goroutines compute.
func starve(t *testing.T, config func(*testing.T) backplane.Config) {
	t.Helper()
	var reported atomic.Pointer[error]
	enter := func(local backplane.LocalSockets) (*backplane.Namespace, func()) {
		c := config(t)
		c.ErrorHandler = func(err error) { reported.CompareAndSwap(nil, &err) }
		return enter(t, c, local)
	}
	seen := &sequence{Registry: backplane.NewRegistry(backplane.RegistryConfig{})}
	sender, leave := enter(backplane.NewRegistry(backplane.RegistryConfig{}))
	defer leave()
	_, leave = enter(seen)
	defer leave()
	stop := busy.Burn(*orderBurn)
	sent := int64(0)
	for end := time.Now().Add(*orderFor); time.Now().Before(end); {
		for range 1 + rand.IntN(200) {
			if sender.EmitAsync("n", sent+1) == nil {
				sent++
			}
		}
		time.Sleep(rand.N(time.Millisecond))
	}
	stop()
	// A process that gets too little CPU time may exceed a timeout. It then reports an error.
	over := func() bool { return seen.came.Load() == sent || reported.Load() != nil }
	assert.Eventually(t, over, 30*time.Second, time.Millisecond,
		"all messages arrive, or an error is reported")
	if err := reported.Load(); err != nil {
		t.Logf("%d of %d messages arrived; reported: %v", seen.came.Load(), sent, *err)
	}
	assert.Zero(t, seen.wrong.Load(), "of %d messages, those after a later one, or twice; the first: %v",
		sent, seen.first.Load())
}

// enter opens the namespace of a new node until leave is called.
func enter(
	t *testing.T, config backplane.Config, local backplane.LocalSockets,
) (ns *backplane.Namespace, leave func()) {
	t.Helper()
	cluster, err := backplane.Open(t.Context(), config)
	require.NoError(t, err)
	ns, err = cluster.Namespace(t.Context(), "/", local)
	require.NoError(t, err)
	return ns, func() { assert.NoError(t, cluster.Close(context.WithoutCancel(t.Context()))) }
}
