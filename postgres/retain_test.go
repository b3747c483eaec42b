package postgres_test

import (
	"bytes"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// expireAsNodeJS is what @socket.io/postgres-adapter runs, by default every 30 s with an age of 30 s.
const expireAsNodeJS = "DELETE FROM socket_io_attachments WHERE created_at < now() - interval '30000 milliseconds'"

func TestRetainedBodiesExpireWhenTheirTimeHasPassed(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		require.NoError(t, d.Prepare(within(t)))
		keeper := d.(storage.Retainer)
		large := bytes.Repeat([]byte{0, 1, 255}, 1<<19)
		bodies := [][]byte{[]byte("one"), {}, large, nil}
		const ttl = time.Hour
		ids, err := keeper.PutFor(within(t), bodies, ttl)
		require.NoError(t, err)
		require.Len(t, ids, len(bodies))
		for i, id := range ids {
			got, err := d.Get(within(t), id)
			require.NoError(t, err)
			require.True(t, bytes.Equal(bodies[i], got))
		}
		none, err := keeper.PutFor(within(t), nil, time.Minute)
		require.NoError(t, err)
		require.Empty(t, none)
		other, err := d.Put(within(t), []byte("other"))
		require.NoError(t, err)
		past := func(by time.Duration) {
			pgtest.Exec(t, database, "UPDATE socket_io_attachments SET created_at = created_at - interval '"+
				by.String()+"'")
		}
		count := func() int { return pgtest.QueryInt(t, database, "SELECT count(*) FROM socket_io_attachments") }

		past(ttl - 2*time.Minute)
		require.NoError(t, d.Expire(within(t), 0))
		pgtest.Exec(t, database, expireAsNodeJS)
		require.Equal(t, len(ids), count(), "the time of the others has not passed")
		_, err = d.Get(within(t), other)
		require.ErrorIs(t, err, storage.ErrNotFound)
		past(2 * time.Minute)
		require.Zero(t, pgtest.QueryInt(t, database,
			"SELECT count(*) FROM socket_io_attachments WHERE created_at > clock_timestamp()"))
		pgtest.Exec(t, database, "UPDATE socket_io_attachments SET created_at = clock_timestamp()")
		require.NoError(t, d.Expire(within(t), 30*time.Second))
		pgtest.Exec(t, database, expireAsNodeJS)
		require.Equal(t, len(ids), count(), "afterwards they get as old as other bodies")
		past(time.Minute)
		pgtest.Exec(t, database, expireAsNodeJS)
		require.Zero(t, count())
	})
}

// TestRetainingNeedsAPrivilege: a role that was granted its privileges by an older version learns what is missing.
func TestRetainingNeedsAPrivilege(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		role, asRole := lockedDown(t, database)
		pgtest.Exec(t, database, mustSQL(t)(postgres.Schema(postgres.DefaultTable)))
		grants := mustSQL(t)(postgres.Grants(postgres.DefaultTable, role))
		pgtest.Exec(t, database, strings.ReplaceAll(grants, "INSERT (created_at, payload)", "INSERT (payload)"))
		d, _ := k.open(t, asRole, asRole, postgres.Config{})
		t.Cleanup(func() { _ = d.Close(within(t)) })
		require.NoError(t, d.Prepare(within(t)), "without a log the privilege is not needed")
		_, err := d.(storage.Retainer).PutFor(within(t), [][]byte{nil}, time.Minute)
		requireSetupError(t, err, postgres.ErrPrivilege, "INSERT (created_at, payload)", role)
		pgtest.Exec(t, database, mustSQL(t)(postgres.LogSchema("")))
		pgtest.Exec(t, database, mustSQL(t)(postgres.LogGrants("", role)))
		requireSetupError(t, d.(transport.LogPreparer).PrepareLog(within(t)), postgres.ErrPrivilege,
			"INSERT (created_at)", "INSERT (created_at, payload)", role)
		pgtest.Exec(t, database, grants)
		require.NoError(t, d.(transport.LogPreparer).PrepareLog(within(t)))
		_, err = d.(storage.Retainer).PutFor(within(t), [][]byte{nil}, time.Minute)
		require.NoError(t, err)
	})
}

func TestBodiesOfATransactionAreRetained(t *testing.T) {
	database := pgtest.Database(t)
	pgtest.Exec(t, database, mustSQL(t)(postgres.Schema(postgres.DefaultTable)))
	conn, err := pgx.Connect(within(t), database)
	require.NoError(t, err)
	defer conn.Close(within(t))
	pgxTx, err := conn.Begin(within(t))
	require.NoError(t, err)
	db, err := sql.Open("postgres", database)
	require.NoError(t, err)
	defer db.Close()
	pqTx, err := db.BeginTx(within(t), nil)
	require.NoError(t, err)
	for _, tx := range []*postgres.Tx{pgxdriver.InTx(pgxTx), pqdriver.InTx(pqTx)} {
		ids, err := tx.PutFor(within(t), [][]byte{[]byte("a"), []byte("b")}, time.Minute)
		require.NoError(t, err)
		require.Len(t, ids, 2)
	}
	count := func() int {
		return pgtest.QueryInt(t, database,
			"SELECT count(*) FROM socket_io_attachments WHERE created_at > now() + interval '30 s'")
	}
	require.Zero(t, count())
	require.NoError(t, pgxTx.Commit(within(t)))
	require.Equal(t, 2, count())
	require.NoError(t, pqTx.Rollback())
	require.Equal(t, 2, count())
}
