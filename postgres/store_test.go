package postgres_test

import (
	"bytes"
	"context"
	"math"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
)

func TestBodiesAreReturnedUnchanged(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		require.NoError(t, d.Prepare(within(t)))
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for _, body := range [][]byte{nil, {}, {0}, []byte("text"), []byte(`\x41`), every, bytes.Repeat(every, 4096)} {
			id, err := d.Put(within(t), body)
			require.NoError(t, err)
			require.NotEmpty(t, id)
			for range 2 {
				got, err := d.Get(within(t), id)
				require.NoError(t, err)
				require.Truef(t, bytes.Equal(body, got), "Put of %d bytes, but Get returned %d bytes that differ",
					len(body), len(got))
			}
		}
	})
}

func TestForeignIDsAreData(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		require.NoError(t, d.Prepare(within(t)))
		id, err := d.Put(within(t), []byte("body"))
		require.NoError(t, err)
		for _, foreign := range []string{
			"", "0", "-1", "+" + id, " " + id, id + " ", id + ";", "1.0", "1e0", "0x1", "NaN", "one",
			"1; DROP TABLE t", "'", "\x00", "\xff", "١",
			"999999999", strconv.FormatInt(math.MaxInt64, 10), "9223372036854775808", "99999999999999999999999999",
		} {
			_, err := d.Get(within(t), foreign)
			require.ErrorIsf(t, err, storage.ErrNotFound, "Get(%q)", foreign)
		}
	})
}

func TestExpireRemovesOnlyOlderBodies(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		require.NoError(t, d.Prepare(within(t)))
		old, err := d.Put(within(t), []byte("old"))
		require.NoError(t, err)
		pgtest.Exec(t, database, "UPDATE socket_io_attachments SET created_at = now() - interval '61 seconds'")
		young, err := d.Put(within(t), []byte("young"))
		require.NoError(t, err)
		for _, age := range []time.Duration{math.MaxInt64, time.Hour, 62 * time.Second} {
			require.NoError(t, d.Expire(within(t), age))
			require.Equal(t, 2, pgtest.QueryInt(t, database, "SELECT count(*) FROM socket_io_attachments"),
				"no body is older than %s", age)
		}
		require.NoError(t, d.Expire(within(t), time.Minute))
		_, err = d.Get(within(t), old)
		require.ErrorIs(t, err, storage.ErrNotFound)
		_, err = d.Get(within(t), young)
		require.NoError(t, err)
		require.NoError(t, d.Expire(within(t), 0))
		_, err = d.Get(within(t), young)
		require.ErrorIs(t, err, storage.ErrNotFound)
	})
}

func TestTableNamesAreData(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		pgtest.Exec(t, database, `CREATE SCHEMA "my ""Schema"`)
		for _, table := range []string{`a"b`, `UPPER`, `my "Schema.t`, `drop table x; --`, `ünïcode 🚀`, `select`,
			`$1`} {
			d, _ := k.open(t, database, database, postgres.Config{Table: table})
			require.NoErrorf(t, d.Prepare(within(t)), "table %q", table)
			require.NoErrorf(t, d.Prepare(within(t)), "table %q, again", table)
			id, err := d.Put(within(t), []byte("body"))
			require.NoError(t, err)
			_, err = d.Get(within(t), id)
			require.NoError(t, err)
			require.NoError(t, d.Expire(within(t), 0))
		}
	})
}

func TestInvalidTableNamesAreRefused(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		for _, table := range []string{".", "a.", ".a", "a.b.c", "a\x00b", "\xff",
			string(bytes.Repeat([]byte("t"), 64))} {
			d, connections := k.open(t, database, database, postgres.Config{Table: table})
			var e *postgres.NameError
			require.ErrorAsf(t, d.Prepare(within(t)), &e, "table %q", table)
			_, err := d.Put(within(t), nil)
			require.ErrorAs(t, err, &e)
			_, err = d.Get(within(t), "1")
			require.ErrorAs(t, err, &e)
			require.ErrorAs(t, d.Expire(within(t), 0), &e)
			require.Zero(t, connections())
		}
	})
}

func TestStoreReturnsWhenItsContextEnds(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		d, _ := k.open(t, proxy.URL(), database, postgres.Config{})
		require.NoError(t, d.Prepare(within(t)))
		proxy.Stall(pgtest.Both)
		err := returnsInTime(t, "Put", func(ctx context.Context) error {
			_, err := d.Put(ctx, []byte("body"))
			return err
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		proxy.Cut()
		proxy.Resume()
		require.Eventually(t, func() bool {
			_, err := d.Put(within(t), []byte("body"))
			return err == nil
		}, patience, 10*time.Millisecond)
	})
}

// TestLargeBodiesAreReturnedUnchanged: bodies of more than one piece are put together again, however the driver
// passes bytes.
func TestLargeBodiesAreReturnedUnchanged(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		modes := []string{""}
		if k.name == "pgx" {
			modes = append(modes, "exec", "simple_protocol")
		}
		for _, mode := range modes {
			pool := pgtest.With(t, database, func(u *url.URL) {
				if mode != "" {
					q := u.Query()
					q.Set("default_query_exec_mode", mode)
					u.RawQuery = q.Encode()
				}
			})
			d, _ := k.open(t, pool, database, postgres.Config{})
			require.NoError(t, d.Prepare(within(t)))
			for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 12345} {
				body := make([]byte, size)
				for i := range body {
					body[i] = byte(i*i + i>>11)
				}
				id, err := d.Put(within(t), body)
				require.NoError(t, err)
				got, err := d.Get(within(t), id)
				require.NoError(t, err)
				require.Truef(t, bytes.Equal(body, got),
					"mode %q: Put of %d bytes, but Get returned %d bytes that differ", mode, len(body), len(got))
				found, err := any(d).(storage.Sizer).GetUpTo(within(t), []string{id, "nobody's", id}, size-1)
				require.NoError(t, err)
				want := []storage.Found{{Size: size}, {Size: storage.NotFound}, {Size: size}}
				require.Equal(t, want, found, "mode %q: the body is one byte over the limit", mode)
			}
		}
	})
}
