package outage_test

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// TestStoreOutageAffectsLargeMessagesOnly makes large messages wait for the store, or fail, for longer than a
// session may be silent. Small messages of other namespaces are not affected, and no session ends.
func TestStoreOutageAffectsLargeMessagesOnly(t *testing.T) {
	const table = "socket_io_attachments"
	// A large message may wait for longer than the test takes.
	longTimeouts := func(c *backplane.Config) {
		c.HeartbeatInterval, c.HeartbeatTimeout, c.PublishTimeout = heartbeat, 4*heartbeat, 2*patience
	}
	for name, outage := range map[string]func(t *testing.T, database string, n *node) (end func()){
		"TableIsGone": func(t *testing.T, database string, _ *node) func() {
			pgtest.Exec(t, database, "ALTER TABLE "+table+" RENAME TO elsewhere")
			return func() { pgtest.Exec(t, database, "ALTER TABLE elsewhere RENAME TO "+table) }
		},
		"TableIsLocked": func(t *testing.T, database string, _ *node) func() {
			db, err := sql.Open("postgres", database)
			require.NoError(t, err)
			tx, err := db.Begin()
			require.NoError(t, err)
			_, err = tx.Exec("LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE")
			require.NoError(t, err)
			return func() { require.NoError(t, errors.Join(tx.Rollback(), db.Close())) }
		},
		"PoolIsExhausted": func(t *testing.T, _ string, n *node) func() { return n.driver.hold(t) },
	} {
		for _, k := range kinds {
			t.Run(fmt.Sprint(name, "/", k.name), func(t *testing.T) {
				t.Parallel()
				database := pgtest.Database(t)
				a := startNode(t, k.openAt(t, database), longTimeouts)
				b := startNode(t, k.openAt(t, database), longTimeouts)
				waitForPeers(t, a, b)
				requireDelivery(t, a, b)
				end := outage(t, database, a)
				errs := a.errors.mark()
				gotA, gotB := a.rooms["/chat"].client.got.mark(), b.rooms["/chat"].client.got.mark()
				sent := 0
				for start := time.Now(); time.Since(start) < 3*heartbeat; sent++ {
					require.NoError(t, a.rooms["/"].EmitAsync("large", "a", sent, large))
					require.NoError(t, a.rooms["/chat"].Emit(within(t), "small", "a", sent))
					require.NoError(t, b.rooms["/chat"].Emit(within(t), "small", "b", sent))
					sockets, err := a.rooms["/"].FetchSockets(within(t))
					require.NoError(t, err, "a request in the same namespace")
					require.Len(t, sockets, 2)
					time.Sleep(heartbeat / 10)
				}
				a.rooms["/chat"].client.got.wait(t, "small messages", gotA, 2*sent, nil)
				b.rooms["/chat"].client.got.wait(t, "small messages", gotB, 2*sent, nil)
				require.Zero(t, a.sessionsLost.mark(), "a working session must not end")
				require.Zero(t, b.sessionsLost.mark())
				reported, _ := a.errors.since(errs, nil)
				if name == "TableIsGone" {
					a.errors.wait(t, "the errors of the large messages", errs, sent, isOpError("store attachment"))
				} else {
					require.Empty(t, reported, "the large messages must still be waiting")
				}
				end()
				requireRecovery(t, database, a, b)
			})
		}
	}
}
