package outage_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// crowdOf opens the namespace "/forged" with so many sockets.
func (n *node) crowdOf(tb testing.TB, sockets int) *backplane.Namespace {
	tb.Helper()
	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	for i := range sockets {
		registry.Add(&client{id: fmt.Sprint("socket ", i, " of ", n.handle)})
	}
	ns, err := n.Namespace(within(tb), "/forged", registry)
	require.NoError(tb, err)
	return ns
}

// TestForgedMessages lets a role that may connect, and so may NOTIFY, speak in the name of nodes.
func TestForgedMessages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		// With the race detector, or on a busy machine, an answer takes a hundred times as long as the default allows for.
		slow := func(c *backplane.Config) { c.MaxRequestRate = 5000 }
		a := start(t, k.open(t, database, database, postgres.Config{}), slow).crowdOf(t, 3)
		other := start(t, k.open(t, database, database, postgres.Config{}), slow)
		b := other.crowdOf(t, 1000)
		notify := func(n int, message string) { // %s in it is the number
			t.Helper()
			pgtest.Exec(t, database, fmt.Sprintf(`SELECT pg_notify('socket.io#/forged', format('%s', i)) FROM generate_series(1, %d) i`, message, n))
		}
		all := func() (int, error) {
			sockets, err := a.Timeout(patience).FetchSockets(within(t))
			return len(sockets), err
		}
		require.NoError(t, a.WaitForPeers(within(t), 1))

		for range 5 {
			notify(1, `{"type":13,"uid":"`+b.UID()+`","nsp":"/forged"}`)
			n, err := all()
			require.NoError(t, err, "a forged goodbye of a node")
			require.Equal(t, 1003, n)
		}

		notify(6000, `{"type":2,"uid":"made up %s","nsp":"/forged"}`)
		until(t, func() bool { return a.ServerCount() > 1000 }, "the made-up peers arrive")
		n, err := all()
		require.Equal(t, 1003, n, "with 6,000 made-up peers: %v", err)
		require.NotErrorIs(t, err, backplane.ErrTimeout, "nobody answers in their name, which is known before the request times out")
		until(t, func() bool { return a.ServerCount() == 2 }, "who is made up is forgotten")
		require.Equal(t, []string{b.UID()}, a.Peers())

		notify(2000, `{"type":7,"uid":"a stranger","nsp":"/forged","data":{"requestId":"%s","opts":{"rooms":[],"except":[],"flags":{}}}}`)
		n, err = all()
		require.Equal(t, 1003, n, "after 2,000 requests of a stranger: %v", err)
		require.Greater(t, other.Stats().ReceiveDropped, uint64(1500), "most are refused: each would tell of 1,000 sockets")
	})
}
