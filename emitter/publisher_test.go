package emitter

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport"
)

// stubbornBus ignores its context: Publish returns when release is closed.
type stubbornBus struct {
	release chan struct{}
	sent    []transport.Message
}

func (b *stubbornBus) Limits() transport.Limits { return transport.Limits{} }

func (b *stubbornBus) Publish(_ context.Context, msgs ...transport.Message) error {
	<-b.release
	b.sent = append(b.sent, msgs...)
	return nil
}

func TestNoCallReturnsLateWhateverTheBusDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &stubbornBus{release: make(chan struct{})}
		e, err := New(Config{Bus: bus, PublishTimeout: 2 * time.Second})
		require.NoError(t, err)
		late := func(what string, limit time.Duration, call func(ctx context.Context) error) error {
			ctx := context.Background()
			if limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
			} else {
				limit = 2 * time.Second
			}
			start := time.Now()
			err := call(ctx)
			assert.LessOrEqual(t, time.Since(start), limit+100*time.Millisecond, what)
			assert.Error(t, err, what)
			return err
		}
		emit := func(ctx context.Context) error { return e.Emit(ctx, "a") }
		batch := e.Batch()
		send := func(ctx context.Context) error {
			require.NoError(t, batch.Emit(t.Context(), "a"))
			return batch.Send(ctx)
		}
		assert.ErrorIs(t, late("Emit", 300*time.Millisecond, emit), ErrUnconfirmed, "it is being published")
		assert.NotErrorIs(t, late("Emit behind it", 300*time.Millisecond, emit), ErrUnconfirmed, "it was still queued")
		assert.NotErrorIs(t, late("Send", 300*time.Millisecond, send), ErrUnconfirmed)
		assert.Equal(t, 1, batch.Len(), "messages that were certainly not sent are still in the batch")
		assert.NotErrorIs(t, late("Emit without a deadline, behind it", 0, emit), ErrUnconfirmed)
		assert.Zero(t, late("Emit to a bus that is known to be stuck", time.Nanosecond, emit) == nil)
		close(bus.release)
		synctest.Wait()
		require.NoError(t, batch.Send(t.Context()))
		assert.Len(t, bus.sent, 2, "the first Emit, and the batch")

		bus.release = make(chan struct{})
		err = late("Emit without a deadline", 0, emit)
		assert.ErrorIs(t, err, ErrUnconfirmed)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		close(bus.release)
		synctest.Wait()

		bus.release = make(chan struct{})
		err = late("Send on its way", 300*time.Millisecond, send)
		var failed *BatchError
		require.ErrorAs(t, err, &failed)
		assert.ErrorIs(t, err, ErrUnconfirmed)
		assert.Equal(t, []int{0}, failed.Unsent)
		assert.Zero(t, batch.Len(), "messages that may have been sent are not sent again")
		close(bus.release)
		synctest.Wait()
	})
}
