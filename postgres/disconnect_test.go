package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

func TestTerminatedSessionReturnsAFinalError(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		s := listen(t, d, "a")
		require.NoError(t, d.Publish(within(t), messages("a", "1", "2")...))
		expect(t, d, s, "a", "1", "2")
		require.Equal(t, 1, pgtest.KillListeners(t, database))

		_, err := s.Receive(within(t))
		require.Error(t, err)
		require.NotErrorIs(t, err, transport.ErrClosed, "Close was not called")
		_, again := s.Receive(within(t))
		require.Equal(t, err, again, "a final error must not change")
		require.Error(t, s.Listen(within(t), "b"))
		require.NoError(t, s.Close(within(t)))

		expect(t, d, listen(t, d, "a"), "a") // a new session works, on the same driver
	})
}

func TestListenOnATerminatedSessionFails(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		s := listen(t, d, "a")
		require.Equal(t, 1, pgtest.KillListeners(t, database))
		require.Error(t, s.Listen(within(t), "b"))
		_, err := s.Receive(within(t))
		require.Error(t, err)
	})
}

func TestDriverWorksAgainAfterAServerRestart(t *testing.T) {
	server := pgtest.OwnServer(t)
	for _, mode := range []struct {
		name string
		mode pgtest.Mode
	}{{"Fast", pgtest.Fast}, {"Immediate", pgtest.Immediate}} {
		for _, k := range kinds {
			t.Run(k.name+"/"+mode.name, func(t *testing.T) {
				database := pgtest.DatabaseOn(t, server.URL())
				d := newDriver(t, k, database)
				require.NoError(t, d.Prepare(within(t)))
				s := listen(t, d, "a")
				expect(t, d, s, "a")
				server.Down(t, mode.mode)

				_, err := s.Receive(within(t))
				require.Error(t, err)
				for range 2 {
					require.ErrorIs(t, d.Publish(within(t), messages("a", "lost")...), transport.ErrNotSent)
				}
				_, err = d.Open(within(t))
				require.Error(t, err)
				var setup *postgres.SetupError
				require.ErrorAs(t, d.Prepare(within(t)), &setup)
				require.ErrorIs(t, setup, postgres.ErrUnreachable)

				server.Up(t)
				expect(t, d, listen(t, d, "a"), "a")
				require.NoError(t, d.Prepare(within(t)))
			})
		}
	}
}
