package outage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// TestCloseDuringAnOutage: the server does not answer, so the leave message cannot be sent. Nevertheless Close
// leaves nothing behind.
func TestCloseDuringAnOutage(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		for name, startOutage := range map[string]func(*pgtest.Proxy){
			"HalfOpen": func(p *pgtest.Proxy) { p.Stall(pgtest.Both) },
			"Lost":     func(p *pgtest.Proxy) { p.Stall(pgtest.Both); p.Cut() },
		} {
			t.Run(k.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				database := pgtest.Database(t)
				proxy := pgtest.NewProxy(t, database)
				n := startNode(t, k.open(t, database, withConnectTimeout(t, proxy.URL()), postgres.Config{}),
					fastHeartbeats)
				lost, errs := n.sessionsLost.mark(), n.errors.mark()
				startOutage(proxy)
				if name == "Lost" {
					n.sessionsLost.wait(t, "SessionLost", lost, 1, nil)
				}
				n.requireClose(t)
				n.errors.wait(t, "the error of the leave message", errs, 1, isOpError("publish"))
				require.NoError(t, n.driver.query(within(t)), "the pool must be usable after Close")
				proxy.Cut()
				proxy.Resume()
				waitForNoConnections(t, database)
			})
		}
	}
}
