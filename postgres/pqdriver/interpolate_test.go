package pqdriver

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// FuzzInterpolate lets a server read what interpolate wrote, with both meanings of a backslash in a string.
func FuzzInterpolate(f *testing.F) {
	db, err := sql.Open("postgres", pgtest.Database(f))
	require.NoError(f, err)
	f.Cleanup(func() { _ = db.Close() })
	var conns []*sql.Conn
	for _, standard := range []string{"on", "off"} {
		conn, err := db.Conn(context.Background())
		require.NoError(f, err)
		f.Cleanup(func() { _ = conn.Close() })
		_, err = conn.ExecContext(context.Background(), "SET standard_conforming_strings = "+standard)
		require.NoError(f, err)
		conns = append(conns, conn)
	}
	f.Add([]byte{0, 255, '\''}, `it's "$1" \'; --`, int64(-1), -0.5)
	f.Add([]byte(nil), `\`, int64(math.MinInt64), math.Inf(-1))
	f.Add([]byte(`\x41`), "$2\x00", int64(math.MaxInt64), math.NaN())
	f.Add([]byte("$3"), "\xff", int64(0), math.SmallestNonzeroFloat64)
	f.Fuzz(func(t *testing.T, b []byte, s string, n int64, x float64) {
		if b == nil {
			b = []byte{}
		}
		const statement = `SELECT $1::bytea, $2::text, $3::bigint, $4::float8, '$1', "c$2"
			FROM (SELECT $2::text AS "c$2") AS c`
		whole, err := interpolate(statement, []any{b, s, n, x})
		if strings.Contains(s, "\x00") {
			require.Error(t, err, "PostgreSQL's text cannot contain NUL")
			return
		}
		require.NoError(t, err)
		for _, conn := range conns {
			var gotB []byte
			var gotS, quoted, again string
			var gotN int64
			var gotX float64
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			err := conn.QueryRowContext(ctx, whole).Scan(&gotB, &gotS, &gotN, &gotX, &quoted, &again)
			cancel()
			if !utf8.ValidString(s) {
				var refused *pq.Error
				require.True(t, errors.As(err, &refused), "the server must refuse text that is not UTF-8: %v", err)
				require.EqualValues(t, "22021", refused.Code)
				continue
			}
			require.NoError(t, err, whole)
			require.Equal(t, b, gotB)
			require.Equal(t, s, gotS)
			require.Equal(t, s, again)
			require.Equal(t, n, gotN)
			require.Equal(t, "$1", quoted)
			if math.IsNaN(x) {
				require.True(t, math.IsNaN(gotX))
			} else {
				require.Equal(t, x, gotX)
			}
		}
	})
}
