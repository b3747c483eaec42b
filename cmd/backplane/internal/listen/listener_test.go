package listen_test

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

	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A network that loses bytes cannot be told from a cluster in which nothing happens. So the listener sends messages
// to itself, and reconnects when they do not come back.
func TestASilentConnectionIsReplaced(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	database := pgtest.Database(t)
	proxy := pgtest.NewProxy(t, database)
	pool, err := pgxpool.New(ctx, proxy.URL())
	require.NoError(t, err)
	defer pool.Close()
	driver := pgxdriver.New(pool)
	defer func() { _ = driver.Close(context.Background()) }()

	delivered, lost := make(chan transport.Message, 64), make(chan error, 64)
	recovered := make(chan time.Duration, 64)
	listener, err := listen.Open(ctx, listen.Config{
		Bus: driver, Channels: []string{"socket.io#/"}, Own: "own", Timeout: time.Second,
		Interval:  100 * time.Millisecond,
		Deliver:   func(m transport.Message, _ time.Time) { delivered <- m },
		Lost:      func(err error) { lost <- err },
		Recovered: func(missed time.Duration) { recovered <- missed },
	})
	require.NoError(t, err)
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		listener.Run(running)
	}()
	notify := func(payload string) {
		t.Helper()
		pgtest.Exec(t, database, `SELECT pg_notify('socket.io#/', '`+payload+`')`)
		require.Equal(t, payload, string((<-delivered).Payload))
	}
	notify("before")
	proxy.Stall(pgtest.ToClient)
	require.ErrorIs(t, <-lost, listen.ErrSilent)
	proxy.Cut()
	proxy.Resume()
	require.Greater(t, <-recovered, time.Second, "want the time since the last message that arrived")
	notify("after")
	stop()
	<-done
	require.Empty(t, delivered, "the listener's own messages must not be delivered")
}

// mute is a bus whose Publish fails while fails is set.
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

func TestAConnectionIsKeptWhenTheListenerCannotSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		bus := &mute{Bus: hub}
		var delivered, lost atomic.Int64
		listener, err := listen.Open(t.Context(), listen.Config{
			Bus: bus, Channels: []string{"socket.io#/"}, Own: "own", Timeout: time.Second,
			Deliver:   func(transport.Message, time.Time) { delivered.Add(1) },
			Lost:      func(error) { lost.Add(1) },
			Recovered: func(time.Duration) {},
		})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { listener.Run(ctx) })
		bus.fails.Store(true)
		time.Sleep(time.Minute)
		other := transport.Message{Channel: "socket.io#/", Payload: []byte("from somebody else")}
		require.NoError(t, hub.Publish(t.Context(), other))
		synctest.Wait()
		require.Equal(t, int64(1), delivered.Load())
		require.Zero(t, lost.Load())
		stop()
		group.Wait()
	})
}
