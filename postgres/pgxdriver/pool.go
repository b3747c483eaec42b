package pgxdriver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// db is the pool of the caller. pgx prepares the statements, unless the pool is told otherwise, under names made of their
// text. A proxy that pools transactions and does not know of prepared statements loses them, or has them already: from
// then on they are not prepared.
type db struct {
	pool   *pgxpool.Pool
	shared atomic.Bool  // there is such a proxy
	broke  atomic.Int64 // when a connection broke last, in nanoseconds since 1970
}

var _ engine.DB = (*db)(nil)

func (d *db) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	err := d.try(ctx, args, func(conn *pgxpool.Conn, args []any) error {
		return conn.QueryRow(ctx, statement, args...).Scan(dest...)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (d *db) Rows(ctx context.Context, statement string, args []any, row func(n, size int64, bytes []byte) error) error {
	return d.try(ctx, args, func(conn *pgxpool.Conn, args []any) error {
		rows, err := conn.Query(ctx, statement, args...)
		return each(rows, err, row)
	})
}

// each calls row for each of rows. The bytes stay in pgx's buffer: a copy is made only where they are to go.
func each(rows pgx.Rows, err error, row func(n, size int64, bytes []byte) error) error {
	if err != nil {
		return err
	}
	var n, size int64
	var bytes pgtype.DriverBytes
	_, err = pgx.ForEachRow(rows, []any{&n, &size, &bytes}, func() error { return row(n, size, bytes) })
	return err
}

func (d *db) Exec(ctx context.Context, statement string, args ...any) error {
	return d.try(ctx, args, func(conn *pgxpool.Conn, args []any) error {
		_, err := conn.Exec(ctx, statement, args...)
		return err
	})
}

// try makes a call, and makes it again without a prepared statement if there turns out to be a proxy: the server has
// done nothing yet.
func (d *db) try(ctx context.Context, args []any, call func(conn *pgxpool.Conn, args []any) error) (err error) {
	conn, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && d.Broken(err) {
			d.broke.Store(time.Now().UnixNano())
		}
		conn.Release()
	}()
	if !d.shared.Load() {
		err := call(conn, args)
		if !engine.NotPrepared(err) {
			return err
		}
		d.shared.Store(true)
	}
	if len(args) > 0 { // else it is sent as it is anyway
		args = append([]any{pgx.QueryExecModeExec}, args...)
	}
	return call(conn, args)
}

// acquire takes a connection of the pool that is alive. The pool itself pings those that were idle for a second; this finds those that
// have died since. When one has just broken, the others may be about to, and are pinged too.
func (d *db) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	for {
		conn, err := d.take(ctx)
		if err != nil {
			return nil, err
		}
		doubtful := time.Since(time.Unix(0, d.broke.Load())) < engine.MaxIdle
		if quiet, known := engine.Quiet(conn.Conn().PgConn().Conn()); (quiet || !known) && !doubtful {
			return conn, nil
		}
		bounded, cancel := engine.Ping(ctx)
		err = conn.Ping(bounded)
		cancel()
		if err == nil {
			return conn, nil
		}
		conn.Release() // it is closed, so that the pool forgets it
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// take takes a connection of the pool. The pool pings it and waits for the answer until the context ends, unless PingTimeout is set. So
// while there are idle connections, the first two attempts have a shorter time: a connection that does not answer is then closed. If there is no
// idle connection, there is one attempt, so that the caller keeps its turn.
func (d *db) take(ctx context.Context) (*pgxpool.Conn, error) {
	for range 2 {
		if d.pool.Stat().IdleConns() == 0 {
			break
		}
		bounded, cancel := engine.Ping(ctx)
		conn, err := d.pool.Acquire(bounded)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return conn, err
		}
	}
	conn, err := d.pool.Acquire(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("waiting for a connection of the pool: %w", err)
	}
	return conn, err
}

// Bytes are sent as they are.
func (*db) Bytes(p []byte) (string, any) { return "$1::bytea", p }

// Writer is the pool itself.
func (d *db) Writer(context.Context, string) engine.DB { return d }

// Broken implements engine.DB.
func (*db) Broken(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || engine.OfContext(err) {
		return false
	}
	return pgconn.SafeToRetry(err) || errors.Is(err, pgconn.ErrConnClosed) || engine.Broken(err)
}
