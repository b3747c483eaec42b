package emitter_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/transport"
)

func TestConcurrentEmits(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a := w.audience(t)
		const callers, emits = 16, 40
		clients := make([]*client, callers)
		var group sync.WaitGroup
		for i := range callers {
			room := fmt.Sprint("room", i)
			clients[i] = a.join(room)
			group.Go(func() {
				to := a.emitter.To(room)
				for n := range emits {
					if err := to.Emit(within(t), "n", n); err != nil {
						t.Errorf("Emit: %v", err)
					}
				}
			})
		}
		group.Wait()
		for _, c := range clients {
			for n := range emits {
				c.expect(fmt.Sprintf(`["n",%d]`, n))
			}
		}
		a.fence(clients...)
	})
}

// queued starts callers one by one while a first one blocks the bus, in a bubble of synctest. It returns a
// function that waits for them.
func queued(t *testing.T, rec *recorder, e *emitter.Emitter, first context.Context,
	contexts ...context.Context) func() []error {
	t.Helper()
	errs := make([]error, len(contexts)+1)
	var group sync.WaitGroup
	group.Go(func() { errs[0] = e.Emit(first, "first") })
	<-rec.gate
	for i, ctx := range contexts {
		group.Go(func() { errs[i+1] = e.Emit(ctx, "queued", i) })
		synctest.Wait() // until it waits
	}
	return func() []error {
		group.Wait()
		return errs
	}
}

func newGated(t *testing.T) (*recorder, *emitter.Emitter) {
	t.Helper()
	rec := &recorder{gate: make(chan struct{})}
	e, err := emitter.New(emitter.Config{Bus: rec})
	require.NoError(t, err)
	return rec, e
}

func TestWaitingCallersShareARoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec, e := newGated(t)
		wait := queued(t, rec, e, within(t), within(t), within(t), within(t))
		rec.gate <- struct{}{}
		<-rec.gate
		rec.gate <- struct{}{}
		for _, err := range wait() {
			require.NoError(t, err)
		}
		require.Equal(t, []int{1, 3}, rec.rounds)
		for i, line := range rec.sent()[1:] {
			require.Contains(t, line, fmt.Sprintf(`["queued",%d]`, i), "in the order of the calls")
		}
	})
}

func TestCallerThatGivesUpInTheQueueSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec, e := newGated(t)
		ctx, cancel := context.WithCancel(within(t))
		wait := queued(t, rec, e, within(t), ctx, within(t))
		cancel()
		synctest.Wait()
		rec.gate <- struct{}{}
		<-rec.gate
		rec.gate <- struct{}{}
		errs := wait()
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], context.Canceled)
		require.NoError(t, errs[2])
		require.Equal(t, []int{1, 1}, rec.rounds)
	})
}

func TestEndedContextDoesNotHarmOthersInTheSameRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec, e := newGated(t)
		ctx, cancel := context.WithCancel(within(t))
		wait := queued(t, rec, e, ctx, ctx, within(t))
		rec.gate <- struct{}{}
		<-rec.gate // the second round trip has begun
		cancel()
		synctest.Wait()
		rec.gate <- struct{}{}
		errs := wait()
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], emitter.ErrUnconfirmed, "a caller that gave up does not wait for the bus")
		require.NoError(t, errs[2])
		require.Equal(t, []int{1, 2}, rec.rounds)
	})
}

func TestStuckBusIsGivenUpAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := &recorder{gate: make(chan struct{})}
		e, err := emitter.New(emitter.Config{Bus: stuck, PublishTimeout: 20 * time.Millisecond})
		require.NoError(t, err)
		go func() { <-stuck.gate }()
		require.ErrorIs(t, e.Emit(context.Background(), "e"), context.DeadlineExceeded)
	})
}

// TestManyCallersGiveUp: every call returns, whenever its context ends, and what Emit returns matches what was
// sent.
func TestManyCallersGiveUp(t *testing.T) {
	rec := new(recorder)
	slow := slowBus{rec}
	e, err := emitter.New(emitter.Config{Bus: slow})
	require.NoError(t, err)
	var sent atomic.Int64
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			for n := range 50 {
				ctx, cancel := context.WithTimeout(context.Background(),
					time.Duration((i*7+n*13)%40)*20*time.Microsecond)
				err := e.Emit(ctx, "e", i, n)
				cancel()
				if err == nil {
					sent.Add(1)
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, e.Emit(within(t), "last"))
	require.GreaterOrEqual(t, int64(len(rec.sent())), sent.Load()+1)
	require.Contains(t, rec.sent()[len(rec.sent())-1], "last")
}

// slowBus is a bus whose Publish takes a moment, or until its context ends.
type slowBus struct{ emitter.Publisher }

func (b slowBus) Publish(ctx context.Context, msgs ...transport.Message) error {
	select {
	case <-time.After(200 * time.Microsecond):
		return b.Publisher.Publish(ctx, msgs...)
	case <-ctx.Done():
		return ctx.Err()
	}
}
