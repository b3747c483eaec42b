package pqdriver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// harmfulConnector is a connector of the application, such as one that measures, that panics or ends its
// goroutine.
type harmfulConnector struct {
	driver.Connector
	harm *atomic.Pointer[func()]
}

func (h harmfulConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if harm := h.harm.Load(); harm != nil {
		(*harm)()
	}
	return h.Connector.Connect(ctx)
}

func TestPanicInAConnectorIsAnError(t *testing.T) {
	dsn := pgtest.Database(t)
	connector, err := pq.NewConnector(dsn)
	require.NoError(t, err)
	var harm atomic.Pointer[func()]
	db := sql.OpenDB(harmfulConnector{connector, &harm})
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxIdleConns(-1) // a new connection for each call
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cluster, err := core.Open(ctx, core.Config{Bus: New(db, dsn)})
	require.NoError(t, err)
	ns, err := cluster.Namespace(ctx, "/", core.NewRegistry(core.RegistryConfig{}))
	require.NoError(t, err)
	peer, err := core.Open(ctx, core.Config{Bus: New(db, dsn)}) // a peer, so that Emit waits for the bus
	require.NoError(t, err)
	_, err = peer.Namespace(ctx, "/", core.NewRegistry(core.RegistryConfig{}))
	require.NoError(t, err)
	require.NoError(t, ns.WaitForPeers(ctx, 1))
	large := strings.Repeat("x", 10_000) // stored as an attachment, through the pool
	for _, f := range []func(){func() { panic("deliberate") }, runtime.Goexit} {
		harm.Store(&f)
		require.Error(t, ns.Emit(ctx, "a", large))
		harm.Store(nil)
		require.NoError(t, ns.Emit(ctx, "a", large))
	}
	require.NoError(t, cluster.Close(ctx))
	require.NoError(t, peer.Close(ctx))
}
