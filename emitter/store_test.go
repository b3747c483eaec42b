package emitter

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport"
)

// lockedStore answers when it is released. If stubborn is set, it ignores its context.
type lockedStore struct {
	released chan struct{}
	stubborn bool
	err      error
}

func (s *lockedStore) Put(ctx context.Context, _ []byte) (string, error) {
	if s.stubborn {
		<-s.released
		return "1", s.err
	}
	select {
	case <-s.released:
		return "1", s.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// shortBus is a bus that carries only small messages and records their channels.
type shortBus struct{ sent []string }

func (*shortBus) Limits() transport.Limits { return transport.Limits{Payload: 500} }

func (b *shortBus) Publish(_ context.Context, msgs ...transport.Message) error {
	for _, m := range msgs {
		b.sent = append(b.sent, m.Channel)
	}
	return nil
}

var long = strings.Repeat("x", 1000)

func TestLockedStoreDelaysNoSmallMessage(t *testing.T) {
	for name, stubborn := range map[string]bool{"StoreObeysItsContext": false, "StoreIgnoresItsContext": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus, store := &shortBus{}, &lockedStore{released: make(chan struct{}), stubborn: stubborn}
				e, err := New(Config{Bus: bus, Store: store, PublishTimeout: 2 * time.Second})
				require.NoError(t, err)
				start := time.Now()
				failed := make(chan error, 100)
				for range 100 {
					go func() { failed <- e.Emit(context.Background(), "large", long) }()
				}
				synctest.Wait()
				require.NoError(t, e.Emit(t.Context(), "small"))
				require.NoError(t, e.Of("other").Emit(t.Context(), "small"))
				small := e.Batch()
				require.NoError(t, small.Emit(t.Context(), "small"))
				require.NoError(t, small.Send(t.Context()))
				assert.Zero(t, time.Since(start))
				for range 100 {
					err := <-failed
					require.Error(t, err)
					require.NotErrorIs(t, err, ErrUnconfirmed, "it was not sent")
				}
				assert.LessOrEqual(t, time.Since(start), 2100*time.Millisecond)
				assert.Equal(t, []string{"socket.io#/", "socket.io#/other", "socket.io#/"}, bus.sent)
				close(store.released)
				synctest.Wait()
				require.NoError(t, e.Emit(t.Context(), "large", long), "the store works again")
			})
		})
	}
}

func TestMessageOfACallerThatLeavesWhileTheStoreIsLockedIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, store := &shortBus{}, &lockedStore{released: make(chan struct{})}
		e, err := New(Config{Bus: bus, Store: store})
		require.NoError(t, err)
		leave := func(call func(ctx context.Context) error) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			err := call(ctx)
			assert.Equal(t, time.Second, time.Since(start))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.NotErrorIs(t, err, ErrUnconfirmed)
			return err
		}
		_ = leave(func(ctx context.Context) error { return e.Emit(ctx, "large", long) })
		batch := e.Batch()
		require.NoError(t, batch.Emit(t.Context(), "small"))
		require.NoError(t, batch.Emit(t.Context(), "large", long))
		var all *BatchError
		require.ErrorAs(t, leave(batch.Send), &all)
		assert.Equal(t, []int{0, 1}, all.Unsent)
		assert.Zero(t, batch.Len())

		close(store.released)
		synctest.Wait()
		assert.Empty(t, bus.sent)
		require.NoError(t, e.Emit(t.Context(), "large", long))
		assert.Len(t, bus.sent, 1)
	})
}

func TestBatchWithAttachmentsKeepsItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, store := &shortBus{}, &lockedStore{released: make(chan struct{})}
		e, err := New(Config{Bus: bus, Store: store})
		require.NoError(t, err)
		batch := e.Batch()
		for i, text := range []string{"", long, "", long} {
			require.NoError(t, batch.Of("n"+string(rune('0'+i))).Emit(t.Context(), "a", text))
		}
		time.AfterFunc(time.Second, func() { close(store.released) })
		require.NoError(t, batch.Send(t.Context()))
		assert.Equal(t, []string{"socket.io#/n0", "socket.io#/n1", "socket.io#/n2", "socket.io#/n3"}, bus.sent)
	})
}
