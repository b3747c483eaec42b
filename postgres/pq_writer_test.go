package postgres_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pqdriver"
)

// With lib/pq, the driver writes attachments over its own connections, but only if these lead to the table that
// the pool reads.
func TestAttachmentsAreWrittenWhereTheyAreRead(t *testing.T) {
	const count = "SELECT count(*) FROM pg_stat_activity " +
		"WHERE application_name = 'backplane store' AND datname = current_database()"
	for name, c := range map[string]struct {
		elsewhere bool // dsn leads to another database
		own       int  // the number of own connections that write
	}{"SameDatabase": {false, 1}, "AnotherDatabase": {true, 0}} {
		t.Run(name, func(t *testing.T) {
			database := pgtest.Database(t)
			dsn := database
			if c.elsewhere {
				dsn = pgtest.Database(t)
				there, err := sql.Open("postgres", dsn)
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, there.Close()) })
				d := pqdriver.New(there, dsn)
				require.NoError(t, d.Prepare(within(t)), "the other database must have a table of the same name")
				require.NoError(t, d.Close(within(t)))
			}
			db, err := sql.Open("postgres", database)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			d := pqdriver.New(db, dsn)
			require.NoError(t, d.Prepare(within(t)))
			for range 3 {
				ids, err := d.PutAll(within(t), [][]byte{{1}, {2}})
				require.NoError(t, err)
				bodies, err := d.GetAll(within(t), ids)
				require.NoError(t, err)
				require.Equal(t, [][]byte{{1}, {2}}, bodies)
			}
			var n int
			require.NoError(t, db.QueryRow(count).Scan(&n))
			require.Equal(t, c.own, n)
			require.NoError(t, d.Close(within(t)))
			require.Eventually(t, func() bool {
				return db.QueryRow(count).Scan(&n) == nil && n == 0
			}, patience, 10*time.Millisecond, "Close must leave no connection")
		})
	}
}
