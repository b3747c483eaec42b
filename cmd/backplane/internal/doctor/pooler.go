package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/transport"
)

const connectDirectly = "connect the nodes directly to the server, or through a pooler in session mode: " +
	"see PgBouncer in docs/howto/deploy.md"

// pooler detects a pooler in transaction mode, which loses LISTEN.
//
// It opens two connections and runs statements on the first while a transaction is open on the second. If one
// server process serves both connections, or several processes serve the first, then a pooler in between assigns
// transactions to server processes.
func pooler(ctx context.Context, s *subject) finding {
	first, err := s.conn(ctx)
	if err != nil {
		return s.notChecked(err)
	}
	defer first.Close()
	second, err := s.conn(ctx)
	if err != nil {
		return s.notChecked(err)
	}
	defer second.Close()

	before, err := backendPID(ctx, first)
	if err != nil {
		return s.notChecked(err)
	}
	tx, err := second.BeginTx(ctx, nil)
	if err != nil {
		return s.notChecked(err)
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	held, err := backendPID(ctx, tx)
	if err != nil {
		return s.notChecked(err)
	}
	shared := held == before
	if !shared {
		after, err := backendPID(ctx, first)
		if err != nil {
			return s.notChecked(err)
		}
		shared = after != before
	}
	if shared {
		return finding{Status: fail, Advice: connectDirectly,
			Detail: "a pooler in transaction mode is in between (such as PgBouncer with pool_mode=transaction): " +
				"LISTEN is lost"}
	}
	if s.sql.BackendPID == nil {
		return pass("no pooler in transaction mode is in between")
	}
	announced, err := s.sql.BackendPID(first)
	switch {
	case err != nil:
		return s.notChecked(err)
	case announced != before:
		return pass("a pooler in session mode is in between, which is fine")
	}
	return pass("no pooler is in between")
}

// backendPID returns the id of the server process that serves a connection at the moment.
func backendPID(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (pid int, err error) {
	err = q.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid, err
}

// notifications checks that a notification comes back, on the connections that a node would use.
func notifications(ctx context.Context, s *subject) finding {
	driver := s.server.Driver()
	defer connect.CloseDriver(ctx, driver)
	start := time.Now()
	listener, err := listen.Open(ctx, listen.Config{
		Bus: driver, Channels: []string{s.channel}, Own: s.flags.OwnChannel(), Timeout: s.flags.Timeout,
		Deliver: func(transport.Message, time.Time) {},
	})
	took := time.Since(start)
	if errors.Is(err, backplane.ErrNoLoopback) {
		return finding{Status: fail, Advice: connectDirectly,
			Detail: fmt.Sprintf("a notification did not come back within %v", s.flags.Timeout)}
	}
	if err != nil {
		return finding{Status: fail, Detail: "LISTEN or NOTIFY failed: " + s.server.Explain(err).Error(),
			Advice: "connect to the primary server, with a role that has CONNECT on the database"}
	}
	listener.Close(ctx)
	return pass("LISTEN works: a notification came back, %s after the start of the connection", milliseconds(took))
}
