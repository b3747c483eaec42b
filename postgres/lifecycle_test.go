package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

func TestNewDoesNoIO(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		const nowhere = "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable&connect_timeout=1"
		d, _ := k.open(t, nowhere, nowhere, postgres.Config{})
		require.Equal(t, 7999, d.Limits().Payload)
		require.NoError(t, d.Close(within(t)), "Close without connections does nothing")
		require.Error(t, d.Publish(within(t), messages("a", "x")...))
		_, err := d.Open(within(t))
		require.Error(t, err)
		require.ErrorIs(t, d.Prepare(within(t)), postgres.ErrUnreachable)
	})
}

func TestBusOpensTwoSeparateConnections(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d, poolConnections := k.open(t, database, database, postgres.Config{})
		s := listen(t, d, "a")
		var publishing sync.WaitGroup
		for i := range 20 {
			publishing.Go(func() {
				for range 10 {
					if err := d.Publish(within(t), messages("a", fmt.Sprint(i))...); err != nil {
						t.Errorf("Publish: %v", err)
					}
				}
			})
		}
		for range 200 {
			_, err := s.Receive(within(t))
			require.NoError(t, err)
		}
		publishing.Wait()
		require.Equal(t, 1, pgtest.Backends(t, database, "application_name = 'backplane listen'"))
		require.Equal(t, 1, pgtest.Backends(t, database, "application_name = 'backplane publish'"))
		require.Zero(t, poolConnections(), "the bus must not use the caller's pool")

		require.NoError(t, s.Close(within(t)))
		require.NoError(t, d.Close(within(t)))
		require.NoError(t, d.Close(within(t)), "a second Close does nothing")
		waitUntilNone(t, database, "true", "no connection may be left")

		require.NoError(t, d.Prepare(within(t)), "the caller's pool must be usable after Close")
		require.LessOrEqual(t, poolConnections(), 2, "one for the statements, and one for pqdriver to compare backends")
		waitUntilNone(t, database, "application_name LIKE 'backplane%'", "Prepare must use the caller's pool only")

		expect(t, d, listen(t, d, "a"), "a") // the bus must open its connections again
		require.NoError(t, d.Close(within(t)))
	})
}

func TestCloseEndsOpenSessions(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		s := listen(t, d, "a")
		received := make(chan error)
		go func() {
			_, err := s.Receive(within(t))
			received <- err
		}()
		require.NoError(t, d.Close(within(t)))
		require.Error(t, <-received)
		require.NoError(t, s.Close(within(t)))
		waitUntilNone(t, database, "true", "no connection may be left")
	})
}

func TestCanceledOpenLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := d.Open(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, d.Publish(ctx, messages("a", "x")...), context.Canceled)
		waitUntilNone(t, database, "true", "no connection may be left")
	})
}

func TestApplicationNameOfTheCallerIsKept(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		own := pgtest.With(t, database, func(u *url.URL) {
			query := u.Query()
			query.Set("application_name", "it's-mine")
			u.RawQuery = query.Encode()
		})
		d, _ := k.open(t, database, own, postgres.Config{})
		t.Cleanup(func() { _ = d.Close(within(t)) })
		expect(t, d, listen(t, d, "a"), "a")
		require.Equal(t, 2, pgtest.Backends(t, database, "application_name = 'it''s-mine'"))
		require.Equal(t, 1, pgtest.KillListeners(t, database),
			"KillListeners must find the listening connection by its statement")
	})
}

func TestDriversDoNotLinkEachOther(t *testing.T) {
	for _, c := range []struct{ pkg, foreign string }{
		{"pgxdriver", "github.com/lib/pq"},
		{"pqdriver", "github.com/jackc/pgx"},
		{".", "github.com/jackc/pgx"},
		{".", "github.com/lib/pq"},
	} {
		out, err := exec.Command("go", "list", "-deps", "./"+c.pkg).CombinedOutput()
		require.NoError(t, err, string(out))
		for dep := range strings.Lines(string(out)) {
			if strings.HasPrefix(dep, c.foreign) {
				t.Errorf("%s links %s", c.pkg, strings.TrimSpace(dep))
			}
		}
	}
}
