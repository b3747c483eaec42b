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

// poolConns runs statements on the caller's pool. Unless the pool is configured otherwise, pgx prepares them
// under names that are derived from their text. Behind a proxy that pools transactions and does not know
// prepared statements, they may be missing or exist already. After the first such error, statements are not
// prepared any more.
type poolConns struct {
	pool         *pgxpool.Pool
	behindPooler atomic.Bool
	brokeAt      atomic.Int64 // when a connection broke last, in nanoseconds since 1970
}

var _ engine.Pool = (*poolConns)(nil)

func (p *poolConns) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	return found(p.call(ctx, args, func(conn *pgxpool.Conn, args []any) error {
		return conn.QueryRow(ctx, statement, args...).Scan(dest...)
	}))
}

// Rows passes the bytes as they are in pgx's buffer. row copies them if it needs to keep them.
func (p *poolConns) Rows(
	ctx context.Context, statement string, args []any, row func(n, size int64, bytes []byte) error,
) error {
	return p.call(ctx, args, func(conn *pgxpool.Conn, args []any) error {
		rows, err := conn.Query(ctx, statement, args...)
		if err != nil {
			return err
		}
		var n, size int64
		var bytes pgtype.DriverBytes
		_, err = pgx.ForEachRow(rows, []any{&n, &size, &bytes}, func() error { return row(n, size, bytes) })
		return err
	})
}

func (p *poolConns) Exec(ctx context.Context, statement string, args ...any) error {
	return p.call(ctx, args, func(conn *pgxpool.Conn, args []any) error {
		_, err := conn.Exec(ctx, statement, args...)
		return err
	})
}

// call runs f with a connection. If the error reveals a proxy that pools transactions, it runs f again without
// prepared statements: the server has not done anything yet.
func (p *poolConns) call(ctx context.Context, args []any, f func(conn *pgxpool.Conn, args []any) error) (err error) {
	conn, err := p.acquireAlive(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && p.IsBroken(err) {
			p.brokeAt.Store(time.Now().UnixNano())
		}
		conn.Release()
	}()
	if !p.behindPooler.Load() {
		err := f(conn, args)
		if !engine.IsPreparedStatementError(err) {
			return err
		}
		p.behindPooler.Store(true)
	}
	if len(args) > 0 { // without args, pgx prepares nothing
		args = append([]any{pgx.QueryExecModeExec}, args...)
	}
	return f(conn, args)
}

// acquireAlive acquires a connection that is alive. The pool itself pings connections that were idle for a
// second. This method finds those that died since. If a connection broke less than a second ago, others may be
// about to break, so they are pinged, too.
func (p *poolConns) acquireAlive(ctx context.Context) (*pgxpool.Conn, error) {
	for {
		conn, err := p.acquire(ctx)
		if err != nil {
			return nil, err
		}
		suspect := time.Since(time.Unix(0, p.brokeAt.Load())) < engine.MaxIdle
		if quiet, known := engine.Quiet(conn.Conn().PgConn().Conn()); (quiet || !known) && !suspect {
			return conn, nil
		}
		pingCtx, cancel := engine.Ping(ctx)
		err = conn.Ping(pingCtx)
		cancel()
		if err == nil {
			return conn, nil
		}
		conn.Release() // the failed ping has closed it, so the pool discards it
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// acquire acquires a connection. Unless PingTimeout is set, the pool may ping it until the context ends. So
// while there are idle connections, the first two attempts have a shorter timeout: a connection that does not
// answer is then closed. Without idle connections there is only one attempt, so that the caller keeps its place
// in the pool's queue.
func (p *poolConns) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	for range 2 {
		if p.pool.Stat().IdleConns() == 0 {
			break
		}
		pingCtx, cancel := engine.Ping(ctx)
		conn, err := p.pool.Acquire(pingCtx)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return conn, err
		}
	}
	conn, err := p.pool.Acquire(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("waiting for a connection of the pool: %w", err)
	}
	return conn, err
}

func (*poolConns) Bytes(p []byte) (string, any) { return binaryBytes(p) }

// Writer returns the pool itself, because pgx passes bytes in binary format.
func (p *poolConns) Writer(context.Context, string) engine.Querier { return p }

// IsBroken implements engine.Pool.
func (*poolConns) IsBroken(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || engine.IsContextError(err) {
		return false
	}
	return pgconn.SafeToRetry(err) || errors.Is(err, pgconn.ErrConnClosed) || engine.IsBrokenConn(err)
}
