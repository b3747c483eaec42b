package pqdriver

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/lib/pq"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// pool is the pool of the caller.
type pool struct{ db *sql.DB }

var _ engine.DB = pool{}

func (p pool) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	err := within(ctx, func() error { return p.db.QueryRowContext(ctx, statement, args...).Scan(dest...) })
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (p pool) Exec(ctx context.Context, statement string, args ...any) error {
	return within(ctx, func() error {
		_, err := p.db.ExecContext(ctx, statement, args...)
		return err
	})
}

func (p pool) SQLState(err error) string {
	var e *pq.Error
	if errors.As(err, &e) {
		return string(e.Code)
	}
	return ""
}

// grace is how long a call may take after its context has ended: lib/pq asks the server to cancel, and waits for
// its answer. A network that swallows bytes would hold the caller for minutes.
const grace = time.Second

// within calls call and waits for it until grace after ctx has ended.
func within(ctx context.Context, call func() error) error {
	if ctx.Done() == nil {
		return call()
	}
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return ctx.Err()
	}
}
