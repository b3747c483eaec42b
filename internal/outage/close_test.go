package outage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// TestCloseDuringAnOutage: nobody answers, so the goodbye fails, and all the same nothing is left.
func TestCloseDuringAnOutage(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		for name, begin := range map[string]func(*pgtest.Proxy){
			"HalfOpen": func(p *pgtest.Proxy) { p.Stall(pgtest.Both) },
			"Lost":     func(p *pgtest.Proxy) { p.Stall(pgtest.Both); p.Cut() },
		} {
			t.Run(k.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				database := pgtest.Database(t)
				proxy := pgtest.NewProxy(t, database)
				n := start(t, k.open(t, database, impatient(t, proxy.URL()), postgres.Config{}), brisk)
				lost, errs := n.lost.mark(), n.errors.mark()
				begin(proxy)
				if name == "Lost" {
					n.lost.wait(t, "SessionLost", lost, 1, nil)
				}
				n.shut(t)
				n.errors.wait(t, "the goodbye that nobody heard", errs, 1, isOp("publish"))
				require.NoError(t, n.handle.query(within(t)), "the pool is usable after Close")
				proxy.Cut()
				proxy.Resume()
				vanish(t, database)
			})
		}
	}
}
