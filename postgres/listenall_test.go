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

// awkwardNames returns n long channel names, and some that need care in SQL.
func awkwardNames(n int) []string {
	names := []string{
		`a"b`, `a'b`, `$$`, `$b$`, `END; DROP TABLE x; --`, `\`, "line\nbreak", "😀", ";", `"; UNLISTEN *; --`,
		strings.Repeat("é", 31),
	}
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
		names := awkwardNames(1500) // about 120 KB, which takes several statements
		require.NoError(t, s.(transport.MultiListener).ListenAll(within(t)))
		require.NoError(t, s.(transport.MultiListener).ListenAll(within(t), names...))
		requireReceives(t, d, s, append(names, "first"))
	})
}

func TestListenAllWithoutThePrivilegeToUsePLpgSQL(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		pgtest.Exec(t, database, "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
		_, asRole := lockedDown(t, database)
		d, _ := k.open(t, asRole, asRole, postgres.Config{})
		t.Cleanup(func() { _ = d.Close(within(t)) })
		s := listen(t, d)
		names := awkwardNames(300)
		require.NoError(t, s.(transport.MultiListener).ListenAll(within(t), names...))
		requireReceives(t, d, s, names)
	})
}

func TestListenAllRefusesNamesThatPostgreSQLWouldTruncate(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "a")
		var invalid *postgres.NameError
		err := s.(transport.MultiListener).ListenAll(within(t), "b", strings.Repeat("x", postgres.MaxName+1))
		require.ErrorAs(t, err, &invalid)
		_, err = s.Receive(within(t))
		require.ErrorAs(t, err, &invalid, "an error of ListenAll must end the session")
	})
}

// requireReceives publishes a message on each channel and requires that all arrive.
func requireReceives(t *testing.T, d driver, s transport.Session, channels []string) {
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
