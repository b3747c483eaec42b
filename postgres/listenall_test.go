package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// awkward are names of channels that need care in SQL, and some that are long.
func awkward(n int) []string {
	names := []string{`a"b`, `a'b`, `$$`, `$b$`, `END; DROP TABLE x; --`, `\`, "line\nbreak", "😀", ";", `"; UNLISTEN *; --`, strings.Repeat("é", 31)}
	for i := range n {
		name := fmt.Sprintf("socket.io#/%d/", i)
		names = append(names, name+strings.Repeat("x", postgres.MaxName-len(name)))
	}
	return names
}

func TestListenAllListensToEveryChannel(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "first")
		names := awkward(1500) // of about 120 KB: several statements
		require.NoError(t, s.(transport.MultiListener).ListenAll(within(t)))
		require.NoError(t, s.(transport.MultiListener).ListenAll(within(t), names...))
		hears(t, d, s, append(names, "first"))
	})
}

func TestListenAllWithoutTheRightToUsePLpgSQL(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		pgtest.Exec(t, database, "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
		_, asRole := lockedDown(t, database)
		d, _ := k.open(t, asRole, asRole, postgres.Config{})
		t.Cleanup(func() { _ = d.Close(within(t)) })
		s := listen(t, d)
		names := awkward(300)
		require.NoError(t, s.(transport.MultiListener).ListenAll(within(t), names...))
		hears(t, d, s, names)
	})
}

func TestListenAllRefusesNamesThatPostgreSQLWouldCut(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "a")
		var wrong *postgres.NameError
		require.ErrorAs(t, s.(transport.MultiListener).ListenAll(within(t), "b", strings.Repeat("x", postgres.MaxName+1)), &wrong)
		_, err := s.Receive(within(t))
		require.ErrorAs(t, err, &wrong, "an error of Listen ends the session")
	})
}

// hears publishes a message on each channel and expects them all.
func hears(t *testing.T, d driver, s transport.Session, channels []string) {
	t.Helper()
	var msgs []transport.Message
	for _, channel := range channels {
		msgs = append(msgs, transport.Message{Channel: channel, Payload: []byte("to " + channel)})
	}
	require.NoError(t, d.Publish(within(t), msgs...))
	for _, want := range msgs {
		m, err := s.Receive(within(t))
		require.NoError(t, err)
		require.Equal(t, want, m)
	}
}
