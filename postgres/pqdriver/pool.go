package pqdriver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// pool is the pool of the caller. lib/pq has the server parse and plan a query anew each time, unless it is prepared.
type pool struct {
	db   *sql.DB
	used atomic.Int64 // when a call last worked, in nanoseconds since 1970

	mu       sync.Mutex // guards all below
	trust    trust
	prepared map[string]*sql.Stmt
	spare    []*sql.Stmt // prepared twice, by callers at the same time
}

// trust is whether statements are prepared.
type trust int

const (
	unknown    trust = iota
	theServers       // the connections are the server's: statements are prepared
	shared           // transactions may be pooled: they are not
)

var _ engine.DB = (*pool)(nil)

func (p *pool) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	err := p.call(ctx, func() error { return p.queryRow(ctx, statement, args, dest) })
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (p *pool) queryRow(ctx context.Context, statement string, args, dest []any) error {
	return p.run(ctx, statement, args, func(stmt *sql.Stmt, text string) error {
		if stmt != nil {
			return stmt.QueryRowContext(ctx, args...).Scan(dest...)
		}
		return p.db.QueryRowContext(ctx, text).Scan(dest...)
	})
}

func (p *pool) Rows(ctx context.Context, statement string, args []any, row func(n, size int64, bytes []byte) error) error {
	return p.call(ctx, func() error {
		return p.run(ctx, statement, args, func(stmt *sql.Stmt, text string) error {
			var rows *sql.Rows
			var err error
			if stmt != nil {
				rows, err = stmt.QueryContext(ctx, args...)
			} else {
				rows, err = p.db.QueryContext(ctx, text)
			}
			return each(rows, err, row)
		})
	})
}

// each calls row for each of rows.
func each(rows *sql.Rows, err error, row func(n, size int64, bytes []byte) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	var n, size int64
	var bytes sql.RawBytes // lib/pq's own, which Scan need not copy
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

// run calls do with the statement, prepared, or with its text if nothing is to be prepared.
func (p *pool) run(ctx context.Context, statement string, args []any, do func(stmt *sql.Stmt, text string) error) error {
	stmt, err := p.prepare(ctx, statement)
	if stmt != nil {
		err = do(stmt, "")
	}
	if engine.NotPrepared(err) { // there is a proxy after all, and the server has done nothing yet
		p.note(shared)
		stmt, err = nil, nil
	}
	if stmt != nil || err != nil {
		return err
	}
	text, err := inline(statement, args)
	if err != nil {
		return err
	}
	return do(nil, text)
}

// prepare returns the statement, prepared: database/sql does it again on each connection that needs it. The few there are
// stay until close. It returns nil if nothing is to be prepared.
func (p *pool) prepare(ctx context.Context, statement string) (*sql.Stmt, error) {
	p.mu.Lock()
	trust, stmt := p.trust, p.prepared[statement]
	p.mu.Unlock()
	if trust == unknown {
		pooled, err := p.pooled(ctx)
		if err != nil {
			return nil, err
		}
		if trust = theServers; pooled {
			trust = shared
		}
		p.note(trust)
	}
	if trust == shared || stmt != nil {
		return stmt, nil
	}
	stmt, err := p.db.PrepareContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.prepared[statement]; other != nil {
		p.spare = append(p.spare, stmt) // somebody else was faster
		return other, nil
	}
	if p.prepared == nil {
		p.prepared = make(map[string]*sql.Stmt)
	}
	p.prepared[statement] = stmt
	return stmt, nil
}

// note remembers what was found out. What was prepared on shared connections is left to them: to deallocate it could
// hit another's.
func (p *pool) note(t trust) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trust != shared {
		p.trust = t
	}
	if p.trust == shared {
		p.prepared, p.spare = nil, nil
	}
}

// close leaves nothing behind in the caller's connections, as long as they answer. Closing a statement waits for the server
// without a limit, and database/sql meanwhile holds the lock that everybody who uses the pool needs, and closing it too.
func (p *pool) close(ctx context.Context) error {
	p.mu.Lock()
	prepared := append(p.spare, slices.Collect(maps.Values(p.prepared))...)
	p.prepared, p.spare = nil, nil
	p.mu.Unlock()
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

// patienceForAnswers is how long idle connections may take to answer.
const patienceForAnswers = time.Second

// answers tells whether the server answers on all connections that are idle.
func (p *pool) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, patienceForAnswers)
	defer cancel()
	return within(ctx, func() error {
		for range p.db.Stats().Idle {
			conn, err := p.db.Conn(ctx)
			if err != nil {
				return err
			}
			defer conn.Close() // in the end, so that the next one is another one
			if err := conn.PingContext(ctx); err != nil {
				return err
			}
		}
		return nil
	}) == nil
}

func (p *pool) Exec(ctx context.Context, statement string, args ...any) error {
	return p.call(ctx, func() error {
		text, err := inline(statement, args)
		if err == nil {
			_, err = p.db.ExecContext(ctx, text)
		}
		return err
	})
}

// Bytes are sent as text by lib/pq, unless its connection is told otherwise. Base64 is shorter than the hexadecimal that it would choose, and the server reads it
// in half the time.
func (*pool) Bytes(p []byte) (string, any) {
	return "decode($1::text, 'base64')", base64.StdEncoding.EncodeToString(p)
}

// Writer is the pool itself.
func (p *pool) Writer(context.Context, string) engine.DB { return p }

// Broken implements engine.DB.
func (*pool) Broken(err error) bool { return errors.Is(err, driver.ErrBadConn) || engine.Broken(err) }

// call makes a call, and waits for it not much longer than ctx lasts. Before the first for a while it makes sure that the pool has a
// connection that answers: neither lib/pq nor database/sql notices that a network swallows what is sent. One that does not
// answer stays with lib/pq, and the call takes another one.
func (p *pool) call(ctx context.Context, call func() error) error {
	if time.Since(time.Unix(0, p.used.Load())) > engine.MaxIdle {
		for range 2 {
			bounded, cancel := engine.Ping(ctx)
			err := within(bounded, func() error { return p.db.PingContext(bounded) })
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
				break // what else is wrong the call itself will tell
			}
		}
	}
	err := within(ctx, call)
	if err == nil {
		p.used.Store(time.Now().UnixNano())
	}
	return err
}

// grace is how long a call may take after its context has ended: lib/pq asks the server to cancel, and waits for
// its answer. A network that swallows bytes would hold the caller for minutes.
const grace = 50 * time.Millisecond

// within calls call and waits for it until grace after ctx has ended.
func within(ctx context.Context, call func() error) error {
	if ctx.Done() == nil {
		return call()
	}
	done := make(chan error, 1)
	go func() { // what panics there, such as a driver.Connector of the application's, is an error
		guard.Do(func() { done <- call() }, func(err error) { done <- err })
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
