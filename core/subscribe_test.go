package core_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// openMany opens n namespaces and returns them once they listen.
func openMany(t *testing.T, cluster *core.Cluster, n int) []*core.Namespace {
	t.Helper()
	all := make([]*core.Namespace, n)
	for i := range all {
		ns, err := cluster.NamespaceAsync(fmt.Sprintf("/%d", i), core.NewRegistry(core.RegistryConfig{}))
		require.NoError(t, err)
		all[i] = ns
	}
	for _, ns := range all {
		require.NoError(t, ns.WaitReady(t.Context()))
	}
	return all
}

// slowly makes each LISTEN take a time.
func slowly(each time.Duration) func(context.Context, transport.Session, string) error {
	return func(ctx context.Context, s transport.Session, channel string) error {
		select {
		case <-time.After(each):
			return s.Listen(ctx, channel)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestManyNamespacesListenAgainAfterAnOutage(t *testing.T) {
	for _, c := range []struct {
		namespaces int
		each       time.Duration
	}{{550, 10 * time.Millisecond}, {6000, time.Millisecond}} {
		t.Run(fmt.Sprint(c.namespaces), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bus{Bus: memory.NewHub()}
				var back log[*core.GapError]
				cluster := open(t, b, func(c *core.Config) { c.Trace.SessionRecovered = back.add })
				b.fault(faults{listen: slowly(c.each)})
				openMany(t, cluster, c.namespaces)
				b.sever(errBroken)
				start := time.Now()
				back.wait(t, 1)
				assert.Less(t, time.Since(start), 2*time.Duration(c.namespaces)*c.each, "one attempt is enough")
				assert.Len(t, b.listening(), c.namespaces,
					"the bus needs longer for all of them together than PublishTimeout, which bounds each LISTEN")
				assert.Equal(t, uint64(1), cluster.Stats().SessionsLost)
			})
		})
	}
}

func TestMessagesArriveWhileTheNodeListensToManyChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Buffer: 64})
		b := &bus{Bus: hub}
		var reported log[error]
		cluster := open(t, b, func(c *core.Config) { c.ErrorHandler = reported.add })
		registry, clients := crowd("alice")
		join(t, cluster, "/busy", registry)
		sender := join(t, open(t, hub), "/busy", nil)
		b.fault(faults{listen: slowly(10 * time.Millisecond)})
		var emitted []string
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
				if sender.Emit(t.Context(), "n", i) == nil {
					emitted = append(emitted, fmt.Sprintf(`["n",%d]`, i))
				}
			}
		}()
		openMany(t, cluster, 1000)
		close(stop)
		<-done
		synctest.Wait()
		require.Greater(t, len(emitted), 1500, "10 s of listening")
		assert.Equal(t, emitted, clients["alice"].got.all(),
			"no message is lost or delayed while a node listens to many channels")
		assert.Empty(t, reported.all())
	})
}

func TestManyChannelsAreListenedToTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		var trips, channels atomic.Int64
		b.fault(faults{listenAll: func(ctx context.Context, s transport.Session, all []string) error {
			trips.Add(1)
			channels.Add(int64(len(all)))
			time.Sleep(time.Millisecond)
			return s.(transport.MultiListener).ListenAll(ctx, all...)
		}})
		var back log[*core.GapError]
		cluster := open(t, b, func(c *core.Config) { c.Trace.SessionRecovered = back.add })
		openMany(t, cluster, 6000)
		assert.Less(t, trips.Load(), int64(60), "round trips for 6,000 namespaces that are opened together")
		before := trips.Load()
		b.sever(errBroken)
		back.wait(t, 1)
		assert.Less(t, trips.Load()-before, int64(40), "round trips for 6,000 namespaces after an outage")
		assert.Len(t, b.listening(), 6000)
	})
}

func TestDistantBusListensToManyChannelsInTime(t *testing.T) {
	for _, each := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second} {
		t.Run(each.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bus{Bus: memory.NewHub()}
				b.fault(faults{listen: slowly(each),
					listenAll: func(ctx context.Context, s transport.Session, all []string) error {
						time.Sleep(each)
						return s.(transport.MultiListener).ListenAll(ctx, all...)
					}})
				var back log[*core.GapError]
				cluster := open(t, b, func(c *core.Config) { c.Trace.SessionRecovered = back.add })
				openMany(t, cluster, 1000)
				b.sever(errBroken)
				start := time.Now()
				back.wait(t, 1)
				assert.Less(t, time.Since(start), 9*each+time.Second,
					"1,000 channels: 1, 16, 32 … 512 in a round trip, and the backoff")
				assert.Len(t, b.listening(), 1000)
				assert.Equal(t, uint64(1), cluster.Stats().SessionsLost)
			})
		})
	}
}

func TestSlowListenAllGetsFewerChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		b.fault(faults{listenAll: func(ctx context.Context, s transport.Session, all []string) error {
			for _, channel := range all {
				if err := slowly(20*time.Millisecond)(ctx, s, channel); err != nil {
					return err
				}
			}
			return nil
		}})
		cluster := open(t, b, func(c *core.Config) { c.PublishTimeout = 500 * time.Millisecond })
		openMany(t, cluster, 300)
		assert.Zero(t, cluster.Stats().SessionsLost,
			"each round trip has the publish timeout, however many channels there are")
	})
}

func TestBadChannelDoesNotHarmOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		var reported log[error]
		b.fault(faults{
			listenAll: func(ctx context.Context, s transport.Session, all []string) error {
				for _, channel := range all {
					if strings.HasSuffix(channel, "/bad") {
						return errBroken
					}
				}
				return s.(transport.MultiListener).ListenAll(ctx, all...)
			}, listen: func(ctx context.Context, s transport.Session, channel string) error {
				if strings.HasSuffix(channel, "/bad") {
					return errBroken
				}
				return s.Listen(ctx, channel)
			},
		})
		cluster := open(t, b, func(c *core.Config) { c.ErrorHandler = reported.add })
		bad, err := cluster.NamespaceAsync("/bad", core.NewRegistry(core.RegistryConfig{}))
		require.NoError(t, err)
		good := openMany(t, cluster, 100)
		for _, ns := range good {
			require.NoError(t, ns.Emit(t.Context(), "x"))
		}
		reported.wait(t, 1)
		require.NoError(t, bad.Close(t.Context()))
		time.Sleep(10 * time.Second)
		before := cluster.Stats().SessionsLost
		time.Sleep(time.Minute)
		assert.Equal(t, before, cluster.Stats().SessionsLost)
		assert.Len(t, b.listening(), 100)
	})
}

func TestHangingListenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		cluster := open(t, b)
		b.fault(faults{listen: func(ctx context.Context, _ transport.Session, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		ns, err := cluster.NamespaceAsync("/", core.NewRegistry(core.RegistryConfig{}))
		require.NoError(t, err)
		time.Sleep(20 * time.Second)
		b.heal()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		require.NoError(t, ns.WaitReady(ctx))
	})
}

func TestCloseEndsListeningToManyChannels(t *testing.T) {
	for _, c := range []struct {
		name string
		when func(t *testing.T, b *bus, cluster *core.Cluster)
	}{
		{"AtFirst", func(*testing.T, *bus, *core.Cluster) {}},
		{"AfterAnOutage", func(t *testing.T, b *bus, cluster *core.Cluster) {
			time.Sleep(25 * time.Second)
			b.sever(errBroken)
			time.Sleep(10 * time.Second)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bus{Bus: memory.NewHub()}
				cluster, err := core.Open(t.Context(), core.Config{Bus: b})
				require.NoError(t, err)
				b.fault(faults{listen: slowly(10 * time.Millisecond)})
				var all []*core.Namespace
				for i := range 2000 {
					ns, err := cluster.NamespaceAsync(fmt.Sprintf("/%d", i), core.NewRegistry(core.RegistryConfig{}))
					require.NoError(t, err)
					all = append(all, ns)
				}
				c.when(t, b, cluster)
				start := time.Now()
				shut(t, cluster)
				assert.Less(t, time.Since(start), 100*time.Millisecond)
				for _, ns := range all {
					require.ErrorIs(t, ns.WaitReady(t.Context()), core.ErrClosed)
				}
			})
		})
	}
}

func TestWaitingNamespacesTakeNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		cluster := open(t, b)
		b.refuse()
		b.sever(errBroken)
		synctest.Wait()
		before := runtime.NumGoroutine()
		for i := range 1000 {
			_, err := cluster.NamespaceAsync(fmt.Sprintf("/%d", i), core.NewRegistry(core.RegistryConfig{}))
			require.NoError(t, err)
		}
		synctest.Wait()
		t.Logf("%d goroutines more", runtime.NumGoroutine()-before)
		assert.Less(t, runtime.NumGoroutine()-before, 100)
		b.heal()
		time.Sleep(10 * time.Second)
		assert.Len(t, b.listening(), 1000)
	})
}

func TestOpeningAndClosingLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		cluster := open(t, b)
		b.fault(faults{listen: slowly(3 * time.Millisecond)})
		for i := range 300 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Millisecond)
			ns, err := cluster.Namespace(ctx, "/", core.NewRegistry(core.RegistryConfig{}))
			cancel()
			if err == nil {
				_ = ns.Close(ctx) // whose context has ended
			}
			ns, err = cluster.NamespaceAsync("/", core.NewRegistry(core.RegistryConfig{}))
			require.NoError(t, err)
			if i%3 == 0 {
				time.Sleep(time.Duration(i%5) * time.Millisecond)
			}
			require.NoError(t, ns.Close(t.Context()))
			if i%50 == 0 {
				b.sever(errBroken)
			}
		}
		time.Sleep(10 * time.Second)
		assert.Empty(t, b.listening())
		join(t, cluster, "/", nil)
		assert.Equal(t, []string{"socket.io#/"}, b.listening())
	})
}
