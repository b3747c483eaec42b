package pqdriver

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/lib/pq"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// pool is the pool of the caller. lib/pq has the server parse and plan a query anew each time, unless it is prepared.
type pool struct {
	db *sql.DB

	mu       sync.Mutex // guards prepared
	prepared map[string]*sql.Stmt
}

var _ engine.DB = (*pool)(nil)

func (p *pool) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	err := within(ctx, func() error {
		stmt, err := p.prepare(ctx, statement)
		if err != nil {
			return err
		}
		return stmt.QueryRowContext(ctx, args...).Scan(dest...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// prepare returns the statement, prepared: database/sql does it again on each connection that needs it. The few there are
// stay until close.
func (p *pool) prepare(ctx context.Context, statement string) (*sql.Stmt, error) {
	p.mu.Lock()
	stmt := p.prepared[statement]
	p.mu.Unlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := p.db.PrepareContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.prepared[statement]; other != nil {
		_ = stmt.Close() // somebody else was faster
		return other, nil
	}
	if p.prepared == nil {
		p.prepared = make(map[string]*sql.Stmt)
	}
	p.prepared[statement] = stmt
	return stmt, nil
}

// close leaves nothing behind in the caller's connections.
func (p *pool) close(ctx context.Context) error {
	p.mu.Lock()
	prepared := p.prepared
	p.prepared = nil
	p.mu.Unlock()
	return within(ctx, func() error {
		var all error
		for _, stmt := range prepared {
			all = errors.Join(all, stmt.Close())
		}
		return all
	})
}

func (p *pool) Exec(ctx context.Context, statement string, args ...any) error {
	return within(ctx, func() error {
		_, err := p.db.ExecContext(ctx, statement, args...)
		return err
	})
}

func (p *pool) SQLState(err error) string {
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
