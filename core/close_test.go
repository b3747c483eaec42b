package core_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestClosePublishesTheQueueAndThenTheLeaveMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		cluster := open(t, b)
		ns := join(t, cluster, "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		fault, gate := held()
		b.fault(fault)
		for i := range 100 {
			require.NoError(t, ns.EmitAsync("n", i))
		}
		time.AfterFunc(time.Second, func() { close(gate) })
		require.NoError(t, cluster.Close(t.Context()))
		synctest.Wait()
		heard := p.heard.all()
		require.Len(t, heard, 101)
		for i, env := range heard[:100] {
			require.Equal(t, fmt.Sprintf(`["n",%d]`, i), env.Args.String())
		}
		assert.Equal(t, codec.AdapterClose, heard[100].Type)
	})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		cluster, err := core.Open(t.Context(), core.Config{Bus: b, PublishTimeout: time.Hour})
		require.NoError(t, err)
		ns := join(t, cluster, "/", nil)
		b.fault(faults{publish: func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		require.NoError(t, ns.EmitAsync("a"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		assert.ErrorIs(t, cluster.Close(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
		synctest.Wait()
		assert.NoError(t, cluster.Close(t.Context()), "all goroutines have ended meanwhile")
		assert.Empty(t, b.listening())
	})
}

func TestCloseIsBoundedDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		cluster, err := core.Open(t.Context(), core.Config{Bus: b})
		require.NoError(t, err)
		ns, other := join(t, cluster, "/", nil), join(t, cluster, "/other", nil)
		b.refuse()
		b.sever(errBroken)
		synctest.Wait()
		var group sync.WaitGroup
		group.Go(func() { _ = other.Close(context.Background()) })
		group.Go(func() {
			_, _ = cluster.Namespace(context.Background(), "/waits", core.NewRegistry(core.RegistryConfig{}))
		})
		synctest.Wait()
		start := time.Now()
		require.NoError(t, cluster.Close(context.Background()))
		assert.LessOrEqual(t, time.Since(start), 10*time.Second, "Close must not wait for the end of the outage")
		group.Wait()
		assert.ErrorIs(t, ns.Emit(t.Context(), "a"), core.ErrClosed)
	})
}

func TestNoCallBlocksOnAClosedCluster(t *testing.T) {
	cluster := open(t, memory.NewHub())
	var group sync.WaitGroup
	for i := range 50 { // some before, some during and some after Close
		group.Go(func() {
			ns, err := cluster.Namespace(context.Background(), fmt.Sprint("/", i),
				core.NewRegistry(core.RegistryConfig{}))
			if err != nil {
				assert.ErrorIs(t, err, core.ErrClosed)
				return
			}
			if err := ns.Emit(context.Background(), "a"); err != nil {
				assert.ErrorIs(t, err, core.ErrClosed)
			}
			_, _ = ns.EmitWithAck(context.Background(), "a")
			_ = ns.Close(context.Background())
		})
	}
	shut(t, cluster)
	group.Wait()
}

func TestNamespaceOpenedDuringCloseReturnsErrClosed(t *testing.T) {
	listens := func(ctx context.Context, _ transport.Session, _ string) error { <-ctx.Done(); return ctx.Err() }
	publishes := func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, f := range map[string]faults{"Listens": {listen: listens}, "Announces": {publish: publishes}} {
		for how, patience := range map[string]time.Duration{"InTime": time.Minute, "GivesUp": time.Millisecond} {
			t.Run(name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := &bus{Bus: memory.NewHub()}
					cluster := open(t, b)
					b.fault(f)
					opened := make(chan error, 1)
					go func() {
						_, err := cluster.Namespace(t.Context(), "/", core.NewRegistry(core.RegistryConfig{}))
						opened <- err
					}()
					synctest.Wait() // it is being published
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					defer cancel()
					_ = cluster.Close(ctx) // the leave message cannot be published either
					require.ErrorIs(t, <-opened, core.ErrClosed)
				})
			})
		}
	}
}

func TestBusIsClosedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		var reported log[error]
		var unclosed log[int]
		cluster, err := core.Open(t.Context(), core.Config{Bus: b, ErrorHandler: reported.add})
		require.NoError(t, err)
		join(t, cluster, "/", nil)
		b.fault(faults{close: func(ctx context.Context) error {
			unclosed.add(b.unclosed())
			_, bounded := ctx.Deadline()
			assert.True(t, bounded, "closing the bus has a deadline")
			return errBroken
		}})
		assert.NoError(t, cluster.Close(context.Background()))
		assert.Equal(t, []int{0}, unclosed.all(), "it is closed once, after its sessions")
		require.Len(t, reported.all(), 1)
		assert.ErrorIs(t, reported.all()[0], errBroken, "the error of closing is reported")
	})
}

func TestLocalTargetOfAClosedNamespaceReturnsErrClosed(t *testing.T) {
	registry, clients := crowd("alice")
	ns := join(t, open(t, memory.NewHub()), "/", registry)
	require.NoError(t, ns.Close(t.Context()))
	assert.ErrorIs(t, ns.Local().Emit(t.Context(), "a"), core.ErrClosed)
	assert.ErrorIs(t, ns.Local().EmitAsync("a"), core.ErrClosed)
	assert.ErrorIs(t, ns.Local().SocketsJoin(t.Context(), "a"), core.ErrClosed)
	assert.Empty(t, clients["alice"].got.all())
}

// expiring notes when Expire is called, and with what age.
type expiring struct {
	*memstore.Store
	calls log[time.Duration]
	err   error
}

func (s *expiring) Expire(ctx context.Context, age time.Duration) error {
	s.calls.add(age)
	return errors.Join(s.err, s.Store.Expire(ctx, age))
}

func TestAttachmentsExpire(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*core.Config)
		calls  int
		age    time.Duration
	}{
		"Default":         {func(*core.Config) {}, 4, time.Minute},
		"CleanupInterval": {func(c *core.Config) { c.CleanupInterval = 10 * time.Second }, 12, 20 * time.Second},
		"AttachmentAge":   {func(c *core.Config) { c.AttachmentAge = time.Hour }, 4, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &expiring{Store: memstore.NewStore()}
				open(t, memory.NewHub(), func(c *core.Config) { c.Store = store }, c.change)
				time.Sleep(2*time.Minute + time.Second)
				require.Len(t, store.calls.all(), c.calls, "Expire within two minutes")
				for _, age := range store.calls.all() {
					assert.Equal(t, c.age, age)
				}
			})
		})
	}
}

func TestExpireErrorsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported log[error]
		store := &expiring{Store: memstore.NewStore(), err: errBroken}
		open(t, memory.NewHub(), func(c *core.Config) { c.Store, c.ErrorHandler = store, reported.add })
		time.Sleep(31 * time.Second)
		require.Len(t, reported.all(), 1)
		assert.ErrorIs(t, reported.all()[0], errBroken)
	})
}
