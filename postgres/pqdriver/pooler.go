package pqdriver

import (
	"context"
	"database/sql"
	"time"
)

// A proxy that pools transactions may run each statement on another server connection, and lets others use that one next.
// A prepared statement is then missing, or worse, another one: lib/pq calls its statements 1, 2 and so on. So the pool
// prepares nothing unless it has seen that its connections are the server's.

// lookAgain is how often backends are compared. One look may be lucky: a busy proxy hands out different ones.
const lookAgain = 3

// patienceForSecond is how long the comparison waits for a second connection of the pool.
const patienceForSecond = time.Second

// pooled tells whether transactions may be pooled: when two connections of the pool, both open, have the same backend,
// or one of them changes its backend. A pool that has only one connection to give cannot tell.
func (p *pool) pooled(ctx context.Context) (bool, error) {
	if p.db.Stats().MaxOpenConnections == 1 {
		return true, nil
	}
	first, err := p.db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer first.Close()
	bounded, cancel := context.WithTimeout(ctx, patienceForSecond)
	defer cancel()
	second, err := p.db.Conn(bounded)
	if err != nil {
		return true, ctx.Err()
	}
	defer second.Close()
	var backends [2]int
	for look := range lookAgain {
		for i, conn := range []*sql.Conn{first, second} {
			var backend int
			if err := conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
				return false, err
			}
			if look > 0 && backend != backends[i] {
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
