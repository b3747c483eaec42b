package pgxdriver

import (
	"context"
	"errors"
	"sync/atomic"

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
	shared atomic.Bool // there is such a proxy
}

var _ engine.DB = (*db)(nil)

func (d *db) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	err := d.try(args, func(args []any) error { return d.pool.QueryRow(ctx, statement, args...).Scan(dest...) })
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (d *db) Rows(ctx context.Context, statement string, args []any, row func(n, size int64, bytes []byte) error) error {
	return d.try(args, func(args []any) error {
		rows, err := d.pool.Query(ctx, statement, args...)
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
	return d.try(args, func(args []any) error {
		_, err := d.pool.Exec(ctx, statement, args...)
		return err
	})
}

// try makes a call, and makes it again without a prepared statement if there turns out to be a proxy: the server has
// done nothing yet.
func (d *db) try(args []any, call func(args []any) error) error {
	if !d.shared.Load() {
		err := call(args)
		if !engine.NotPrepared(err) {
			return err
		}
		d.shared.Store(true)
	}
	if len(args) > 0 { // else it is sent as it is anyway
		args = append([]any{pgx.QueryExecModeExec}, args...)
	}
	return call(args)
}

// Bytes are sent as they are.
func (*db) Bytes(p []byte) (string, any) { return "$1::bytea", p }

// Writer is the pool itself.
func (d *db) Writer(context.Context, string) engine.DB { return d }

func (*db) SQLState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
