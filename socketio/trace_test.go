package socketio_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// A Trace that calls the server can be set once the server exists.
func TestTraceThatIsSetLaterCallsTheServer(t *testing.T) {
	hub := memory.NewHub()
	cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: hub})
	require.NoError(t, err)
	n := serve(t, func(c *socketio.Config) { c.Cluster = cluster })
	cluster.SetTrace(backplane.Trace{
		SessionRecovered: func(*backplane.GapError) { _ = n.Local().EmitAsync("reload") },
	})
	p := connect(t, n)
	hub.Sever(errors.New("the connection was cut"))
	p.expect(`2["reload"]`)
	require.NoError(t, n.Shutdown(t.Context()))
	require.NoError(t, cluster.Close(t.Context()))
}
