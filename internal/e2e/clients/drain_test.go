package clients_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport/memory"
)

// The clients of a server that drains are disconnected in a way that makes them come back. The server refuses them,
// they try again, and are recovered on another server as soon as the balancer leads them there.
func TestClientsOfADrainingServerMoveToAnotherOne(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, transports := range everyTransport {
		t.Run(transports[0], func(t *testing.T) {
			t.Parallel()
			c := recovers
			c.logged, c.drainTime = true, 200*time.Millisecond
			hub := memory.NewHub()
			from, to := newGoServer(t, c, hub), newGoServer(t, c, hub)
			require.NoError(t, from.io.WaitForPeers(patient(t), 1))
			f := &fixture{T: t, ctx: patient(t), host: h, server: from, transports: transports}
			b := newBalancer(t, from.address)
			var clients []*client
			for range 4 {
				clients = append(clients, f.settled(clientSpec{URL: b.url(), Options: comingBack()}))
			}
			drained := make(chan error, 1)
			go func() { drained <- from.io.Drain(f.ctx) }()
			for _, c := range clients {
				require.Contains(t, []string{"transport close", "transport error"}, c.disconnected())
				require.Equal(t, "server shutting down", f.gone(c))
			}
			for _, c := range clients {
				c.refused()
				require.True(t, c.state().Active, "the client tries again")
			}
			require.NoError(t, <-drained)
			b.lead(to.address)
			for _, c := range clients {
				id := c.id
				at := c.connected()
				require.True(t, at.Recovered)
				require.Equal(t, id, at.ID)
			}
			require.Equal(t, 4, to.io.ClientsCount())
		})
	}
}
