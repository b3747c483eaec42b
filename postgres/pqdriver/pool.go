package pqdriver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// pool runs statements on the caller's pool. It prepares queries, because the server would otherwise parse and
// plan them each time and lib/pq would read bytes as text.
type pool struct {
	db       *sql.DB
	usedAt   atomic.Int64 // when a call last succeeded, in nanoseconds since 1970
	prepared preparedStatements
}

var _ engine.Pool = (*pool)(nil)

func (p *pool) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	var answer handover
	defer answer.end()
	return found(p.call(ctx, func() error {
		scanned := make([]any, len(dest))
		for i, d := range dest {
			scanned[i] = reflect.New(reflect.TypeOf(d).Elem()).Interface()
		}
		err := p.query(ctx, statement, args, func(stmt *sql.Stmt, text string) error {
			if stmt != nil {
				return stmt.QueryRowContext(ctx, args...).Scan(scanned...)
			}
			return p.db.QueryRowContext(ctx, text).Scan(scanned...)
		})
		if err != nil {
			return err
		}
		return answer.give(func() error {
			for i, d := range dest {
				reflect.ValueOf(d).Elem().Set(reflect.ValueOf(scanned[i]).Elem())
			}
			return nil
		})
	}))
}

func (p *pool) Rows(
	ctx context.Context, statement string, args []any, row func(n, size int64, bytes []byte) error,
) error {
	var answer handover
	defer answer.end()
	return p.call(ctx, func() error {
		return p.query(ctx, statement, args, func(stmt *sql.Stmt, text string) error {
			var rows *sql.Rows
			var err error
			if stmt != nil {
				rows, err = stmt.QueryContext(ctx, args...)
			} else {
				rows, err = p.db.QueryContext(ctx, text)
			}
			if err != nil {
				return err
			}
			return forEachRow(rows, func(n, size int64, bytes []byte) error {
				return answer.give(func() error { return row(n, size, bytes) })
			})
		})
	})
}

func forEachRow(rows *sql.Rows, row func(n, size int64, bytes []byte) error) error {
	defer rows.Close()
	var n, size int64
	var bytes sql.RawBytes // the memory of lib/pq: Scan does not copy it
	for rows.Next() {
		if err := rows.Scan(&n, &size, &bytes); err != nil {
			return err
		}
		if err := row(n, size, bytes); err != nil {
			return err
		}
	}
	return rows.Err()
}

// query calls run with the prepared statement, or with its interpolated text if nothing may be prepared.
func (p *pool) query(
	ctx context.Context, statement string, args []any, run func(stmt *sql.Stmt, text string) error,
) error {
	stmt, err := p.prepared.get(ctx, p.db, statement)
	if stmt != nil {
		err = run(stmt, "")
	}
	if engine.IsPreparedStatementError(err) { // there is a pooler after all, and the server has not done anything yet
		p.prepared.setMode(prepareNothing)
		stmt, err = nil, nil
	}
	if stmt != nil || err != nil {
		return err
	}
	text, err := interpolate(statement, args)
	if err != nil {
		return err
	}
	return run(nil, text)
}

func (p *pool) Exec(ctx context.Context, statement string, args ...any) error {
	return p.call(ctx, func() (err error) {
		text := statement
		if len(args) > 0 { // otherwise $ is not the beginning of a parameter
			if text, err = interpolate(statement, args); err != nil {
				return err
			}
		}
		_, err = p.db.ExecContext(ctx, text)
		return err
	})
}

func (*pool) Bytes(p []byte) (string, any) { return base64Bytes(p) }

// base64Bytes passes bytes as base64, because lib/pq sends them as text unless the connection is configured
// otherwise. Base64 is shorter than the hexadecimal form that lib/pq would choose, and the server reads it in
// half the time.
func base64Bytes(p []byte) (expression string, arg any) {
	return "decode($1::text, 'base64')", base64.StdEncoding.EncodeToString(p)
}

// Writer returns the pool itself. The writer that embeds the pool replaces this method.
func (p *pool) Writer(context.Context, string) engine.Querier { return p }

// IsBroken implements engine.Pool.
func (*pool) IsBroken(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || engine.IsBrokenConn(err)
}

// close closes the prepared statements in the caller's connections, provided that the connections answer.
// Closing a statement waits for the server without a limit. Meanwhile database/sql holds the lock that all
// users of the pool need, even for closing it.
func (p *pool) close(ctx context.Context) error {
	prepared := p.prepared.remove()
	if len(prepared) == 0 || !p.answers(ctx) {
		return nil
	}
	return within(ctx, func() error {
		var all error
		for _, stmt := range prepared {
			all = errors.Join(all, stmt.Close())
		}
		return all
	})
}

// maxAnswer limits the time in which idle connections have to answer before their statements are closed.
const maxAnswer = time.Second

// answers reports whether the server answers on all idle connections.
func (p *pool) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, maxAnswer)
	defer cancel()
	return within(ctx, func() error {
		for range p.db.Stats().Idle {
			conn, err := p.db.Conn(ctx)
			if err != nil {
				return err
			}
			defer conn.Close() // at the end, so that each iteration gets another connection
			if err := conn.PingContext(ctx); err != nil {
				return err
			}
		}
		return nil
	}) == nil
}

// call runs f, and returns soon after ctx has ended. Before the first call after an idle time, it makes sure
// that the pool has a connection that answers: neither lib/pq nor database/sql notices that a network drops all
// packets. A connection that does not answer is left to lib/pq, and f gets another one.
func (p *pool) call(ctx context.Context, f func() error) error {
	if time.Since(time.Unix(0, p.usedAt.Load())) > engine.MaxIdle {
		for range 2 {
			pingCtx, cancel := engine.Ping(ctx)
			err := within(pingCtx, func() error { return p.db.PingContext(pingCtx) })
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
				break // f reports any other error
			}
		}
	}
	err := within(ctx, f)
	if err == nil {
		p.usedAt.Store(time.Now().UnixNano())
	}
	return err
}

// grace is how long a call may take after its context has ended. lib/pq asks the server to cancel and waits for
// its answer. On a network that drops all packets, that would block the caller for minutes.
const grace = 50 * time.Millisecond

// within runs f, and stops waiting for it when grace has passed after the end of ctx.
func within(ctx context.Context, f func() error) error {
	if ctx.Done() == nil {
		return f()
	}
	done := make(chan error, 1)
	go func() { // a panic, for example in a driver.Connector of the application, becomes an error
		guard.Do(func() { done <- f() }, func(err error) { done <- err })
	}()
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

// handover passes on to a caller what a call that it may abandon has read.
type handover struct {
	mu    sync.Mutex
	ended bool
}

var errAbandoned = errors.New("postgres: the caller no longer waits for the answer")

// give runs f, which may write to the memory of the caller, unless the caller has gone.
func (h *handover) give(f func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return errAbandoned
	}
	return f()
}

// end returns once no f runs. None runs later.
func (h *handover) end() {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
}
