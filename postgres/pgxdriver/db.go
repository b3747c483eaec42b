package pgxdriver

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// db is the pool of the caller.
type db struct{ pool *pgxpool.Pool }

var _ engine.DB = db{}

func (d db) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	err := d.pool.QueryRow(ctx, statement, args...).Scan(dest...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (d db) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := d.pool.Exec(ctx, statement, args...)
	return err
}

func (d db) SQLState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
