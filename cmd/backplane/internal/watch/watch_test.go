package watch_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/cmd/backplane/internal/watch"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A network that swallows bytes looks like a cluster in which nothing happens. The watcher hears itself, or else connects again.
func TestSilentConnectionIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	database := pgtest.Database(t)
	proxy := pgtest.NewProxy(t, database)
	pool, err := pgxpool.New(ctx, proxy.URL())
	require.NoError(t, err)
	defer pool.Close()
	driver := pgxdriver.New(pool)
	defer func() { _ = driver.Close(context.Background()) }()

	heard, lost, recovered := make(chan transport.Message, 64), make(chan error, 64), make(chan time.Duration, 64)
	watcher, err := watch.Open(ctx, watch.Config{Bus: driver, Channels: []string{"socket.io#/"}, Timeout: time.Second, Interval: 100 * time.Millisecond,
		Deliver:   func(m transport.Message, _ time.Time) { heard <- m },
		Lost:      func(err error) { lost <- err },
		Recovered: func(deaf time.Duration) { recovered <- deaf },
	})
	require.NoError(t, err)
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher.Run(running)
	}()
	notify := func(payload string) {
		t.Helper()
		pgtest.Exec(t, database, `SELECT pg_notify('socket.io#/', '`+payload+`')`)
		require.Equal(t, payload, string((<-heard).Payload))
	}
	notify("before")
	proxy.Stall(pgtest.ToClient)
	require.ErrorIs(t, <-lost, watch.ErrSilent)
	proxy.Cut()
	proxy.Resume()
	require.Greater(t, <-recovered, time.Second, "for so long it was deaf")
	notify("after")
	stop()
	<-done
	require.Empty(t, heard, "its own messages are not delivered")
}

// mute is a bus whose publications fail, once it is told so.
type mute struct {
	transport.Bus
	fails atomic.Bool
}

func (b *mute) Publish(ctx context.Context, msgs ...transport.Message) error {
	if b.fails.Load() {
		return &transport.RejectedError{Err: errors.New("the role may not")}
	}
	return b.Bus.Publish(ctx, msgs...)
}

func TestSessionIsNotGivenUpForWhatWasNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		bus := &mute{Bus: hub}
		var heard, lost atomic.Int64
		watcher, err := watch.Open(t.Context(), watch.Config{Bus: bus, Channels: []string{"socket.io#/"}, Timeout: time.Second,
			Deliver:   func(transport.Message, time.Time) { heard.Add(1) },
			Lost:      func(error) { lost.Add(1) },
			Recovered: func(time.Duration) {},
		})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { watcher.Run(ctx) })
		bus.fails.Store(true)
		time.Sleep(time.Minute)
		require.NoError(t, hub.Publish(t.Context(), transport.Message{Channel: "socket.io#/", Payload: []byte("from somebody else")}))
		synctest.Wait()
		require.Equal(t, int64(1), heard.Load())
		require.Zero(t, lost.Load())
		stop()
		group.Wait()
	})
}
