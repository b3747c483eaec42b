package pqdriver

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// writer stores attachments over connections of its own, on which lib/pq sends bytes as bytes: that is a setting of the
// connection, and those of the caller's pool send text. Attachments of 20 and of 64 KiB take a third less CPU, on both sides.
type writer struct {
	*pool  // the caller's
	dialer *dialer
	slots  chan struct{} // one token for each connection in use
	turn   sync.Mutex    // who compares holds it

	mu   sync.Mutex // guards all below
	same bool       // dsn leads to the table of the caller's pool
	next time.Time  // when to compare again
	idle []*direct
}

var _ engine.DB = (*writer)(nil)

const (
	maxWriters = 2                // the cluster stores twice at a time
	comparison = 10 * time.Second // after one that failed the caller's pool serves for so long
)

func newWriter(pool *pool, dialer *dialer) *writer {
	return &writer{pool: pool, dialer: dialer, slots: make(chan struct{}, maxWriters)}
}

// Writer returns what writes over the driver's own connections if they lead to the same table as the caller's, else the
// caller's pool.
func (w *writer) Writer(ctx context.Context, table string) engine.DB {
	w.mu.Lock()
	same, wait := w.same, time.Now().Before(w.next)
	w.mu.Unlock()
	if same {
		return own{w}
	}
	if wait || !w.turn.TryLock() {
		return w.pool
	}
	defer w.turn.Unlock()
	err := w.do(ctx, func(d *direct) error { return w.compare(ctx, d, table) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.next = time.Now().Add(comparison)
		return w.pool
	}
	w.same = true
	return own{w}
}

var errElsewhere = errors.New("dsn does not lead to the table of db")

// compare makes sure where d leads: a lock that it takes is seen from the caller's pool only in the same database, and the
// table must be the same there.
func (w *writer) compare(ctx context.Context, d *direct, table string) error {
	key := int64(rand.Int32()) // of 64 bits: the upper half, pg_locks.classid, is 0
	var pid, here, there int64
	var may, seen bool
	if _, err := d.queryRow("SELECT pg_backend_pid()::bigint FROM pg_advisory_lock($1::bigint)", []any{key}, &pid); err != nil {
		return err
	}
	_, err := d.queryRow("SELECT coalesce(t::oid::bigint, 0), coalesce(has_any_column_privilege(t, 'INSERT'), false) FROM to_regclass($1::text) AS t",
		[]any{table}, &here, &may)
	if err == nil {
		_, err = w.pool.QueryRow(ctx, `SELECT coalesce(to_regclass($1)::oid::bigint, 0), EXISTS (
  SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
  WHERE l.locktype = 'advisory' AND l.pid = $2 AND l.classid::bigint = 0 AND l.objid::bigint = $3 AND l.granted)`,
			[]any{table, pid, key}, &there, &seen)
	}
	if err == nil && (!may || !seen || here == 0 || here != there) {
		err = errElsewhere
	}
	if _, e := d.queryRow("SELECT pg_advisory_unlock($1::bigint)", []any{key}, &seen); err == nil {
		err = e
	}
	return err
}

// own is a writer that does write itself.
type own struct{ *writer }

// Bytes are sent as they are.
func (own) Bytes(p []byte) (string, any) { return "$1::bytea", p }

func (o own) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (found bool, err error) {
	err = o.do(ctx, func(d *direct) error {
		found, err = d.queryRow(statement, args, dest...)
		return err
	})
	return found, err
}

// do calls f with a connection, which is cut when ctx ends.
func (w *writer) do(ctx context.Context, f func(*direct) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.slots }()
	d, err := w.living(ctx)
	if err != nil {
		return err
	}
	stop := d.link.CutWhen(ctx)
	err = f(d)
	if whole := stop(); whole && d.usable() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.idle = append(w.idle, d)
		return err
	}
	d.close()
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// living returns an idle connection that lives, or opens one.
func (w *writer) living(ctx context.Context) (*direct, error) {
	for d := w.take(); d != nil; d = w.take() {
		if d.link.Alive(ctx, d.ping) {
			return d, nil
		}
		d.close()
	}
	return w.dialer.dialDirect(ctx)
}

func (w *writer) take() *direct {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.idle) == 0 {
		return nil
	}
	d := w.idle[len(w.idle)-1]
	w.idle = w.idle[:len(w.idle)-1]
	return d
}

// close closes what is idle; what is in use stays, and so does what is opened later, until it is called again.
func (w *writer) close(ctx context.Context) error {
	w.mu.Lock()
	idle := w.idle
	w.idle, w.same = nil, false
	w.mu.Unlock()
	for _, d := range idle {
		stop := d.link.CutWhen(ctx)
		d.close()
		stop()
	}
	return w.pool.close(ctx)
}
