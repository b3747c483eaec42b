package outage_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// joinWithSockets opens the namespace "/forged" with a number of sockets.
func (n *node) joinWithSockets(tb testing.TB, sockets int) *backplane.Namespace {
	tb.Helper()
	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	for i := range sockets {
		registry.Add(&client{id: fmt.Sprint("socket ", i, " of ", n.driver)})
	}
	ns, err := n.Namespace(within(tb), "/forged", registry)
	require.NoError(tb, err)
	return ns
}

// TestForgedMessages lets a role that may only connect, and so may NOTIFY, send messages in the name of nodes.
func TestForgedMessages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		// With the race detector or on a busy machine, an answer takes a hundred times as long as the default
		// allows for.
		slow := func(c *backplane.Config) { c.MaxRequestRate = 5000 }
		a := startNode(t, k.openAt(t, database), slow).joinWithSockets(t, 3)
		other := startNode(t, k.openAt(t, database), slow)
		b := other.joinWithSockets(t, 1000)
		notify := func(n int, message string) { // %s in message is replaced by a number from 1 to n
			t.Helper()
			const notify = `SELECT pg_notify('socket.io#/forged', format('%s', i)) FROM generate_series(1, %d) i`
			pgtest.Exec(t, database, fmt.Sprintf(notify, message, n))
		}
		all := func() (int, error) {
			sockets, err := a.Timeout(patience).FetchSockets(within(t))
			return len(sockets), err
		}
		require.NoError(t, a.WaitForPeers(within(t), 1))

		for range 5 {
			notify(1, `{"type":13,"uid":"`+b.UID()+`","nsp":"/forged"}`)
			n, err := all()
			require.NoError(t, err, "after a forged leave message")
			require.Equal(t, 1003, n)
		}

		notify(6000, `{"type":2,"uid":"invented %s","nsp":"/forged"}`)
		eventually(t, func() bool { return a.ServerCount() > 1000 }, "the invented peers must arrive")
		n, err := all()
		require.Equal(t, 1003, n, "FetchSockets must return all sockets despite 6,000 invented peers: %v", err)
		require.NotErrorIs(t, err, backplane.ErrTimeout,
			"the request must know that invented peers do not answer before it times out")
		eventually(t, func() bool { return a.ServerCount() == 2 }, "invented peers must be forgotten")
		require.Equal(t, []string{b.UID()}, a.Peers())

		notify(2000, `{"type":7,"uid":"unknown","nsp":"/forged","data":{"requestId":"%s",`+
			`"opts":{"rooms":[],"except":[],"flags":{}}}}`)
		n, err = all()
		require.Equal(t, 1003, n, "FetchSockets must return all sockets after 2,000 requests of an unknown node: %v",
			err)
		require.Greater(t, other.Stats().ReceiveDropped, uint64(1500),
			"most requests must be refused: each answer would list 1,000 sockets")
	})
}
