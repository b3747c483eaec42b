package pqdriver

import (
	"context"
	"database/sql"
	"time"
)

// A proxy that pools transactions may run each statement on another server connection, which other clients use
// next. There a prepared statement may be missing, or worse, may be a different one: lib/pq names its
// statements 1, 2 and so on. So the pool prepares statements only after it has verified that its connections
// lead to the server itself.

const (
	// comparisons is how often backends are compared. A busy proxy may pass a single comparison by luck.
	comparisons = 3
	// maxWaitForSecond limits the time to wait for a second connection of the pool to compare with.
	maxWaitForSecond = time.Second
)

// mayPoolTransactions reports whether transactions may be pooled: two open connections of the pool have the
// same backend, or one of them changes its backend. If the pool provides only one connection, pooling cannot be
// ruled out.
func mayPoolTransactions(ctx context.Context, db *sql.DB) (bool, error) {
	if db.Stats().MaxOpenConnections == 1 {
		return true, nil
	}
	first, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer first.Close()
	waitCtx, cancel := context.WithTimeout(ctx, maxWaitForSecond)
	defer cancel()
	second, err := db.Conn(waitCtx)
	if err != nil {
		return true, ctx.Err()
	}
	defer second.Close()
	var backends [2]int
	for n := range comparisons {
		for i, conn := range []*sql.Conn{first, second} {
			var backend int
			if err := conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
				return false, err
			}
			if n > 0 && backend != backends[i] {
				return true, nil
			}
			backends[i] = backend
		}
		if backends[0] == backends[1] {
			return true, nil
		}
	}
	return false, nil
}
