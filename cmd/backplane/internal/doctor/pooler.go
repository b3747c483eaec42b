package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/watch"
	"github.com/backplane-go/backplane/transport"
)

const direct = "give the nodes a direct connection to the server, or one that pools sessions, for listening: see PgBouncer in docs/howto/deploy.md"

// pooler finds out whether connections to the server are lent for a transaction only, which loses every LISTEN.
//
// Two connections are taken. While a transaction is open on the second, the first runs statements. If both are ever served
// by one process of the server, or the first by more than one, something in between hands processes around.
func pooler(ctx context.Context, p *patient) finding {
	first, err := p.conn(ctx)
	if err != nil {
		return p.cannot(err)
	}
	defer first.Close()
	second, err := p.conn(ctx)
	if err != nil {
		return p.cannot(err)
	}
	defer second.Close()

	before, err := process(ctx, first)
	if err != nil {
		return p.cannot(err)
	}
	tx, err := second.BeginTx(ctx, nil)
	if err != nil {
		return p.cannot(err)
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to undo
	held, err := process(ctx, tx)
	if err != nil {
		return p.cannot(err)
	}
	shared := held == before
	if !shared {
		after, err := process(ctx, first)
		if err != nil {
			return p.cannot(err)
		}
		shared = after != before
	}
	if shared {
		return finding{Status: fail, Detail: "something in between pools transactions (such as PgBouncer with pool_mode=transaction): LISTEN is lost",
			Advice: direct}
	}
	if p.server.Greeted == nil {
		return fine("nothing is in between that pools transactions")
	}
	greeting, err := p.server.Greeted(first)
	switch {
	case err != nil:
		return p.cannot(err)
	case greeting != before:
		return fine("something is in between, and pools whole sessions, which is fine")
	}
	return fine("nothing is in between")
}

// process is the process of the server that serves a connection now.
func process(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (pid int, err error) {
	err = q.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid, err
}

// notifications finds out whether what is sent to the namespace's channel comes back, on the connections that a node would use.
func notifications(ctx context.Context, p *patient) finding {
	driver := p.server.Driver()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = driver.Close(closing) // the result is known
	}()
	start := time.Now()
	watcher, err := watch.Open(ctx, watch.Config{Bus: driver, Channels: []string{p.channel}, Timeout: p.flags.Timeout,
		Deliver: func(transport.Message, time.Time) {}})
	took := time.Since(start)
	if errors.Is(err, backplane.ErrNoLoopback) {
		return finding{Status: fail, Detail: fmt.Sprintf("a notification did not come back within %v", p.flags.Timeout), Advice: direct}
	}
	if err != nil {
		return finding{Status: fail, Detail: "LISTEN or NOTIFY failed: " + p.server.Explain(err).Error(),
			Advice: "connect to the primary server itself, as a role with CONNECT on the database"}
	}
	watcher.Close(ctx)
	return fine("LISTEN works; one came back, %s with connecting", milliseconds(took))
}
