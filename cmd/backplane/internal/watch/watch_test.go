package watch_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/cmd/backplane/internal/watch"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/transport"
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
