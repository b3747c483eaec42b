package postgres_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// halfOpen returns a driver whose own connections go through a proxy.
func halfOpen(tb testing.TB, k kind) (d driver, proxy *pgtest.Proxy, database string) {
	tb.Helper()
	database = pgtest.Database(tb)
	proxy = pgtest.NewProxy(tb, database)
	own := pgtest.With(tb, proxy.URL(), func(u *url.URL) {
		query := u.Query()
		query.Set("connect_timeout", "20")
		u.RawQuery = query.Encode()
	})
	d, _ = k.open(tb, database, own, postgres.Config{})
	tb.Cleanup(func() { _ = d.Close(within(tb)) })
	return d, proxy, database
}

// prompt is how soon after the end of its context a call must return on a busy machine. All other time limits are
// longer.
const prompt = 7 * time.Second

// returnsInTime makes a call with a context that ends soon. Nothing but the context ends the call.
func returnsInTime(tb testing.TB, what string, call func(ctx context.Context) error) error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	if took := time.Since(start); took > prompt {
		tb.Errorf("%s returned after %s with a context of 100ms: packets are dropped, so only the context ends it",
			what, took)
	}
	return err
}

func TestHalfOpenPublishReturnsWithItsContext(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for _, direction := range []pgtest.Direction{pgtest.ToServer, pgtest.ToClient, pgtest.Both} {
			d, proxy, _ := halfOpen(t, k)
			s := listen(t, d, "a")
			require.NoError(t, d.Publish(within(t), messages("a", "1", "1")...)) // everything is prepared
			expect(t, d, s, "a", "1", "1")
			proxy.Stall(direction)
			err := returnsInTime(t, "Publish", func(ctx context.Context) error {
				return d.Publish(ctx, messages("a", "maybe", "maybe")...)
			})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, transport.ErrNotSent, "the outcome is unknown")
			err = returnsInTime(t, "Publish on a new connection", func(ctx context.Context) error {
				return d.Publish(ctx, messages("a", "never")...)
			})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, transport.ErrNotSent, "without a connection nothing can have been sent")
			proxy.Resume()
			require.NoError(t, d.Publish(within(t), messages("a", "again")...))
		}
	})
}

func TestHalfOpenSessionReturnsWithItsContext(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, _ := halfOpen(t, k)
		s := listen(t, d, "a")
		proxy.Stall(pgtest.Both)
		err := returnsInTime(t, "Receive", func(ctx context.Context) error {
			_, err := s.Receive(ctx)
			return err
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		err = returnsInTime(t, "Listen", func(ctx context.Context) error { return s.Listen(ctx, "b") })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = s.Receive(within(t))
		require.Error(t, err, "it is unknown whether LISTEN took effect, so the session must have ended")
		_ = returnsInTime(t, "Session.Close", s.Close)
		err = returnsInTime(t, "Open", func(ctx context.Context) error {
			_, err := d.Open(ctx)
			return err
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		proxy.Resume()
		expect(t, d, listen(t, d, "a"), "a")
	})
}

func TestHalfOpenReceiveContinuesWhenTheNetworkWorksAgain(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, database := halfOpen(t, k)
		s := listen(t, d, "a")
		other := newDriver(t, k, database)
		proxy.Stall(pgtest.Both)
		require.NoError(t, other.Publish(within(t), messages("a", "1", "2", "3")...))
		_ = returnsInTime(t, "Receive", func(ctx context.Context) error {
			_, err := s.Receive(ctx)
			return err
		})
		proxy.Resume()
		expect(t, other, s, "a", "1", "2", "3")
	})
}

func TestHalfOpenCloseReturnsWithItsContext(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, database := halfOpen(t, k)
		s := listen(t, d, "a")
		expect(t, d, s, "a")
		proxy.Stall(pgtest.Both)
		publishing := make(chan error)
		go func() { publishing <- d.Publish(within(t), messages("a", "stuck")...) }()
		require.Eventually(t, func() bool { return publishInProgress(d) }, patience, time.Millisecond)

		_ = returnsInTime(t, "Driver.Close while a Publish is stuck", d.Close)
		require.Error(t, <-publishing)
		_ = returnsInTime(t, "Session.Close", s.Close)
		_ = returnsInTime(t, "Driver.Close", d.Close)

		proxy.Cut()
		proxy.Resume()
		waitUntilNone(t, database, "application_name LIKE 'backplane%'", "no connection may be left")
	})
}

// publishInProgress reports whether a Publish is in progress: a second one cannot start.
func publishInProgress(d driver) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	return d.Publish(ctx, transport.Message{Channel: "probe"}) != nil
}

func TestCutConnectionsAreReplaced(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, _ := halfOpen(t, k)
		s := listen(t, d, "a")
		expect(t, d, s, "a")
		require.Equal(t, 2, proxy.Cut())
		_, err := s.Receive(within(t))
		require.Error(t, err)
		require.NoError(t, d.Publish(within(t), messages("a", "no session listens")...))
		expect(t, d, listen(t, d, "a"), "a")
		require.Equal(t, 4, proxy.Accepted())
	})
}
