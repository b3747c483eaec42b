package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	storage "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// held returns a fault that publishes one batch for each value sent to the channel.
func held() (faults, chan struct{}) {
	gate := make(chan struct{})
	return faults{publish: func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
		<-gate
		return next.Publish(ctx, msgs...)
	}}, gate
}

func TestMessagesQueuedDuringABatchFormTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		ns := join(t, open(t, b), "/", nil)
		fault, gate := held()
		b.fault(fault)
		before := len(b.sizes())
		var group sync.WaitGroup
		emit := func(n int) {
			for i := range n {
				group.Go(func() { assert.NoError(t, ns.Emit(t.Context(), "a", i)) })
			}
			synctest.Wait()
		}
		emit(1)
		emit(300)
		gate <- struct{}{}
		synctest.Wait()
		emit(7)
		gate <- struct{}{}
		gate <- struct{}{}
		group.Wait()
		assert.Equal(t, []int{1, 300, 7}, b.sizes()[before:],
			"a slow bus gets all messages that were queued meanwhile in one batch, without a timer")
		b.heal()
	})
}

func TestEmitAndEmitAsyncKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		ns := join(t, open(t, hub), "/", nil)
		registry, clients := crowd("alice")
		join(t, open(t, hub), "/", registry)
		var want []string
		for i := range 200 {
			if i%3 == 0 {
				require.NoError(t, ns.Emit(t.Context(), "n", i))
			} else {
				require.NoError(t, ns.EmitAsync("n", i))
			}
			want = append(want, fmt.Sprintf(`["n",%d]`, i))
		}
		synctest.Wait()
		assert.Equal(t, want, clients["alice"].got.all())
	})
}

func TestOnlyTheRejectedMessageFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ns, b, alice := faultySender(t)
		gate := make(chan struct{})
		b.fault(faults{publish: func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
			<-gate
			for i, m := range msgs {
				if strings.Contains(string(m.Payload), `["bad `) { // a random uid may hold "bad" too
					return &transport.RejectedError{Accepted: i, Err: errBroken}
				}
				if err := next.Publish(ctx, m); err != nil {
					return err
				}
			}
			return nil
		}})
		var group sync.WaitGroup
		errs := make([]error, 12)
		for i := range errs {
			event := fmt.Sprint("good ", i)
			if i%5 == 3 {
				event = fmt.Sprint("bad ", i)
			}
			group.Go(func() { errs[i] = ns.Emit(t.Context(), event) })
			synctest.Wait() // so that they queue in this order
		}
		close(gate)
		group.Wait()
		var want []string
		for i, err := range errs {
			if i%5 != 3 {
				assert.NoError(t, err, "message %d is valid", i)
				want = append(want, fmt.Sprintf(`["good %d"]`, i))
				continue
			}
			var op *core.OpError
			require.ErrorAs(t, err, &op, "message %d: each caller gets its own error", i)
			assert.Equal(t, core.OpError{Op: "publish", Channel: "socket.io#/", Err: errBroken}, *op)
		}
		synctest.Wait()
		assert.Equal(t, want, alice.got.all(), "each valid message arrives once, in order")
		b.heal()
	})
}

func TestAmbiguousErrorsAreNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ns, b, alice := faultySender(t)
		synctest.Wait()
		calls := 0
		b.fault(faults{publish: func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
			calls++
			return errors.Join(next.Publish(ctx, msgs...), errBroken) // it arrived, but the error does not say so
		}})
		err := ns.Emit(t.Context(), "a")
		assert.ErrorIs(t, err, errBroken)
		synctest.Wait()
		assert.Equal(t, 1, calls)
		assert.Equal(t, []string{`["a"]`}, alice.got.all(),
			"a message that may have arrived is not sent again: nothing arrives twice")
		b.heal()
	})
}

func TestCancelledEmitIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ns, b, alice := faultySender(t)
		fault, gate := held()
		b.fault(fault)
		require.NoError(t, ns.EmitAsync("first"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, ns.Emit(ctx, "cancelled"), context.DeadlineExceeded)
		assert.ErrorIs(t, ns.Emit(ctx, "ended before"), context.DeadlineExceeded)
		require.NoError(t, ns.EmitAsync("last"))
		close(gate)
		synctest.Wait()
		assert.Equal(t, []string{`["first"]`, `["last"]`}, alice.got.all(),
			"who got ctx's error for a message that was still queued can rely on it: it was not sent")
	})
}

func TestEmitWithAnEndedContextIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		ns := join(t, open(t, hub), "/", nil)
		registry, clients := crowd("alice")
		join(t, open(t, hub), "/", registry)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			assert.ErrorIs(t, ns.Emit(ctx, "late"), context.Canceled)
		}
		synctest.Wait()
		assert.Empty(t, clients["alice"].got.all())
	})
}

func TestPublishQueueIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		bound func(*core.Config)
		fit   int
	}{
		"InMessages": {func(c *core.Config) { c.PublishQueue = 10 }, 10},
		"InBytes":    {func(c *core.Config) { c.PublishQueueBytes = 10 << 10 }, 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bus{Bus: memory.NewHub()}
				var full log[codec.Type]
				cluster := open(t, b, c.bound, func(c *core.Config) {
					c.Trace.QueueFull = func(_ string, typ codec.Type) { full.add(typ) }
				})
				ns := join(t, cluster, "/", nil)
				fault, gate := held()
				b.fault(fault)
				require.NoError(t, ns.EmitAsync("being published"))
				synctest.Wait()
				fit := 0
				var err error
				for err == nil && fit < 1000 {
					if err = ns.EmitAsync("a", strings.Repeat("x", 1024)); err == nil {
						fit++
					}
				}
				assert.ErrorIs(t, err, core.ErrQueueFull)
				assert.Equal(t, c.fit, fit)
				assert.Equal(t, []codec.Type{codec.Broadcast}, full.all(), "drops are traced")
				assert.Equal(t, uint64(1), cluster.Stats().QueueDropped, "and counted")
				done := make(chan error, 1)
				go func() { done <- ns.Emit(t.Context(), "waits", strings.Repeat("x", 1024)) }()
				synctest.Wait()
				require.Empty(t, done, "Emit waits for room")
				close(gate)
				assert.NoError(t, <-done)
			})
		})
	}
}

func TestOneMessageMayBeLargerThanTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ns := join(t, open(t, memory.NewHub(), func(c *core.Config) { c.PublishQueueBytes = 10 }), "/", nil)
		assert.NoError(t, ns.Emit(t.Context(), "a", strings.Repeat("x", 1024)))
	})
}

func TestAsyncErrorsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		var reported log[error]
		ns := join(t, open(t, b, func(c *core.Config) { c.ErrorHandler = reported.add }), "/", nil)
		b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error { return errBroken }})
		require.NoError(t, ns.EmitAsync("a"))
		synctest.Wait()
		require.Len(t, reported.all(), 1)
		assert.ErrorIs(t, reported.all()[0], errBroken)
		b.heal()
	})
}

func TestHangingStoreCostsOneTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 200}})
		b := &bus{Bus: hub}
		ns := join(t, open(t, b, func(c *core.Config) { c.Store = hangingStore{storage.NewStore()} }), "/", nil)
		fault, gate := held()
		b.fault(fault)
		require.NoError(t, ns.EmitAsync("being published"))
		synctest.Wait()
		for range 100 {
			require.NoError(t, ns.EmitAsync("large", strings.Repeat("x", 1000)))
		}
		done := make(chan error, 1)
		go func() { done <- ns.Emit(t.Context(), "small") }()
		synctest.Wait()
		start := time.Now()
		close(gate)
		require.NoError(t, <-done)
		assert.LessOrEqual(t, time.Since(start), 6*time.Second,
			"100 attachments for a store that does not answer: the messages after them, "+
				"and the heartbeats, must not wait for 100 timeouts")
	})
}

type hangingStore struct{ *storage.Store }

func (hangingStore) Put(ctx context.Context, _ []byte) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestPublishTimeoutBoundsEmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		ns := join(t, open(t, b), "/", nil)
		b.fault(faults{publish: func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		start := time.Now()
		assert.ErrorIs(t, ns.Emit(context.Background(), "a"), context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(start))
		b.heal()
	})
}
