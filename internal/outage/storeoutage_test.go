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
	"github.com/backplane-go/backplane/postgres"
)

// TestStoreOutage has large messages wait for the store, or fail, for longer than a session may be silent. Small messages of other namespaces
// do not notice, and no session is given up.
func TestStoreOutage(t *testing.T) {
	const table = "socket_io_attachments"
	// A large message waits for longer than the test takes: whatever waits for the store is late.
	patient := func(c *backplane.Config) {
		c.HeartbeatInterval, c.HeartbeatTimeout, c.PublishTimeout = beat, 4*beat, 2*patience
	}
	for name, outage := range map[string]func(t *testing.T, database string, n *node) (over func()){
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
		"PoolIsExhausted": func(t *testing.T, _ string, n *node) func() { return n.handle.hold(t) },
	} {
		for _, k := range kinds {
			t.Run(fmt.Sprint(name, "/", k.name), func(t *testing.T) {
				t.Parallel()
				database := pgtest.Database(t)
				a := start(t, k.open(t, database, database, postgres.Config{}), patient)
				b := start(t, k.open(t, database, database, postgres.Config{}), patient)
				known(t, a, b)
				flows(t, a, b)
				over := outage(t, database, a)
				errs := a.errors.mark()
				gotA, gotB := a.rooms["/chat"].client.got.mark(), b.rooms["/chat"].client.got.mark()
				sent := 0
				for begun := time.Now(); time.Since(begun) < 3*beat; sent++ {
					require.NoError(t, a.rooms["/"].EmitAsync("large", "a", sent, large))
					require.NoError(t, a.rooms["/chat"].Emit(within(t), "small", "a", sent))
					require.NoError(t, b.rooms["/chat"].Emit(within(t), "small", "b", sent))
					sockets, err := a.rooms["/"].FetchSockets(within(t))
					require.NoError(t, err, "a question in the same namespace")
					require.Len(t, sockets, 2)
					time.Sleep(beat / 10)
				}
				a.rooms["/chat"].client.got.wait(t, "small messages", gotA, 2*sent, nil)
				b.rooms["/chat"].client.got.wait(t, "small messages", gotB, 2*sent, nil)
				require.Zero(t, a.lost.mark(), "a session that works was given up")
				require.Zero(t, b.lost.mark())
				reported, _ := a.errors.since(errs, nil)
				if name == "TableIsGone" {
					a.errors.wait(t, "the large ones fail", errs, sent, isOp("store attachment"))
				} else {
					require.Empty(t, reported, "nothing is over yet")
				}
				over()
				settle(t, database, a, b)
			})
		}
	}
}
