package pqdriver

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// writer is the caller's pool, plus connections of the driver that write attachments. On these, lib/pq sends
// bytes in binary format. That is a setting of the connection, and the connections of the caller's pool send
// text. Writing attachments of 20 and of 64 KiB takes a third less CPU time that way, on both sides.
type writer struct {
	*pool   // the caller's
	dialer  *dialer
	slots   chan struct{} // one token for each connection in use
	compare sync.Mutex    // held while targets are compared

	mu          sync.Mutex // guards the fields below
	sameTable   bool       // dsn leads to the table of the caller's pool
	compareNext time.Time  // when to compare again
	idle        []*binaryConn
}

var _ engine.Pool = (*writer)(nil)

const (
	maxWriters = 2                // the cluster stores at most two attachments at a time
	retryAfter = 10 * time.Second // how long the caller's pool writes attachments after a failed comparison
)

func newWriter(pool *pool, dialer *dialer) *writer {
	return &writer{pool: pool, dialer: dialer, slots: make(chan struct{}, maxWriters)}
}

// Writer returns a Querier that uses the driver's own connections if they lead to the same table as the
// caller's pool, or else the caller's pool.
func (w *writer) Writer(ctx context.Context, table string) engine.Querier {
	w.mu.Lock()
	same, wait := w.sameTable, time.Now().Before(w.compareNext)
	w.mu.Unlock()
	if same {
		return binaryWriter{w}
	}
	if wait || !w.compare.TryLock() {
		return w.pool
	}
	defer w.compare.Unlock()
	err := w.withConn(ctx, func(c *binaryConn) error { return w.verifyTable(ctx, c, table) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.compareNext = time.Now().Add(retryAfter)
		return w.pool
	}
	w.sameTable = true
	return binaryWriter{w}
}

var errOtherTable = errors.New("dsn does not lead to the table of db")

// verifyTable verifies that c leads to the same database as the caller's pool, where a lock that c holds must
// be visible, and to the same table.
func (w *writer) verifyTable(ctx context.Context, c *binaryConn, table string) error {
	key := int64(rand.Int32()) // the upper half of the 64 bits, pg_locks.classid, is 0
	var pid, ownID, poolID int64
	var mayInsert, lockVisible bool
	const lock = "SELECT pg_backend_pid()::bigint FROM pg_advisory_lock($1::bigint)"
	if _, err := c.queryRow(lock, []any{key}, &pid); err != nil {
		return err
	}
	const find = "SELECT coalesce(t::oid::bigint, 0), coalesce(has_any_column_privilege(t, 'INSERT'), false) " +
		"FROM to_regclass($1::text) AS t"
	_, err := c.queryRow(find, []any{table}, &ownID, &mayInsert)
	if err == nil {
		_, err = w.pool.QueryRow(ctx, `SELECT coalesce(to_regclass($1)::oid::bigint, 0), EXISTS (
  SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
  WHERE l.locktype = 'advisory' AND l.pid = $2 AND l.classid::bigint = 0 AND l.objid::bigint = $3 AND l.granted)`,
			[]any{table, pid, key}, &poolID, &lockVisible)
	}
	if err == nil && (!mayInsert || !lockVisible || ownID == 0 || ownID != poolID) {
		err = errOtherTable
	}
	var unlocked bool
	if _, unlockErr := c.queryRow("SELECT pg_advisory_unlock($1::bigint)", []any{key}, &unlocked); err == nil {
		err = unlockErr
	}
	return err
}

// binaryWriter is a Querier on the writer's own connections.
type binaryWriter struct{ *writer }

// Bytes passes bytes in binary format.
func (binaryWriter) Bytes(p []byte) (string, any) { return "$1::bytea", p }

func (b binaryWriter) QueryRow(
	ctx context.Context, statement string, args []any, dest ...any,
) (found bool, err error) {
	err = b.withConn(ctx, func(c *binaryConn) error {
		found, err = c.queryRow(statement, args, dest...)
		return err
	})
	return found, err
}

// withConn calls f with a connection, which is cut when ctx ends.
func (w *writer) withConn(ctx context.Context, f func(*binaryConn) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.slots }()
	c, err := w.aliveConn(ctx)
	if err != nil {
		return err
	}
	stop := c.handle.CutOnDone(ctx)
	err = f(c)
	if uncut := stop(); uncut && c.isUsable() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.idle = append(w.idle, c)
		return err
	}
	c.close()
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// aliveConn returns an idle connection that is alive, or opens one.
func (w *writer) aliveConn(ctx context.Context) (*binaryConn, error) {
	for c := w.takeIdle(); c != nil; c = w.takeIdle() {
		if c.handle.Alive(ctx, c.ping) {
			return c, nil
		}
		c.close()
	}
	return w.dialer.dialWriter(ctx)
}

func (w *writer) takeIdle() *binaryConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.idle) == 0 {
		return nil
	}
	c := w.idle[len(w.idle)-1]
	w.idle = w.idle[:len(w.idle)-1]
	return c
}

// close closes the idle connections, and the prepared statements of the caller's pool. Connections in use, and
// those that are opened later, stay open until close is called again.
func (w *writer) close(ctx context.Context) error {
	w.mu.Lock()
	idle := w.idle
	w.idle, w.sameTable = nil, false
	w.mu.Unlock()
	for _, c := range idle {
		stop := c.handle.CutOnDone(ctx)
		c.close()
		stop()
	}
	return w.pool.close(ctx)
}
