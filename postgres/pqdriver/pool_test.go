package pqdriver

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// What a caller passes to Rows and QueryRow is its own again as soon as they have returned, also when they no longer
// wait for the server. The race detector sees it if a call that was abandoned still writes.
func TestAbandonedCallsDoNotWrite(t *testing.T) {
	db, err := sql.Open("postgres", pgtest.Database(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	p := &pool{db: db}
	t.Cleanup(func() { require.NoError(t, p.close(context.Background())) })

	t.Run("Rows", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		called, finished := 0, 0
		_ = p.Rows(ctx, "SELECT i, i, ''::bytea FROM generate_series(1, $1::bigint) AS i", []any{int64(1000)},
			func(int64, int64, []byte) error {
				called++
				cancel()
				time.Sleep(3 * grace)
				finished++
				return nil
			})
		require.Positive(t, called)
		require.Equal(t, called, finished, "Rows returned while it called the function")
	})
	t.Run("QueryRow", func(t *testing.T) {
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
			defer cancel()
			untouched := "untouched"
			text := untouched
			found, err := p.QueryRow(ctx, "SELECT repeat($1::text, 10000000)", []any{"x"}, &text)
			if err != nil {
				require.Equal(t, untouched, text)
				continue
			}
			require.True(t, found)
			require.Equal(t, strings.Repeat("x", 10_000_000), text)
		}
	})
}
