package postgres_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// TestLogReadsNoMoreThanItReturns: a reader that is far behind reads the log in pieces. A piece must not cost more the
// longer the log is.
func TestLogReadsNoMoreThanItReturns(t *testing.T) {
	database := pgtest.Database(t)
	d := newLog(t, kinds[0], database, postgres.Config{})
	begin := start(t, d, "a")
	random := make([]byte, 2000)
	for i := range 500 { // a row of about a page each
		_, _ = rand.Read(random) // never fails, see its documentation
		payloads := []string{strconv.Itoa(i) + hex.EncodeToString(random)}
		require.NoError(t, d.Append(within(t), kept("a", payloads...)))
	}
	conn, err := pgx.Connect(within(t), database)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, statement := range []string{
		"SELECT * FROM backplane_log_replay('a', " + begin.Offset.String() + ", 1, 1)",
		"SELECT * FROM backplane_log_latest('a', 400, 1, 1)",
	} {
		var pages int
		for range 2 { // the first time the catalog is read, too
			var text []byte
			explain := "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement
			require.NoError(t, conn.QueryRow(within(t), explain).Scan(&text))
			var plans []struct {
				Plan struct {
					Hit  int `json:"Shared Hit Blocks"`
					Read int `json:"Shared Read Blocks"`
				}
			}
			require.NoError(t, json.Unmarshal(text, &plans))
			pages = plans[0].Plan.Hit + plans[0].Plan.Read
		}
		require.Less(t, pages, 250, "%s reads pages of the whole log", statement)
	}
}
