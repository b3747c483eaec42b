package pgxdriver

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// dialer opens the driver's own connections. It uses the settings of the pool, unless Config.ConnConfig
// replaces them.
type dialer struct {
	pool   *pgxpool.Pool
	config Config
}

var _ engine.Dialer = (*dialer)(nil)

// dial opens a connection. adjust, if not nil, changes the settings last. The driver uses only pgconn's part of
// the connection. But pgx opens it, because the pool's hooks expect a *pgx.Conn.
func (d *dialer) dial(
	ctx context.Context, handle *engine.Handle, name string, adjust func(*pgx.ConnConfig),
) (*pgconn.PgConn, error) {
	pool := d.pool.Config()
	config := pool.ConnConfig
	if d.config.ConnConfig != nil {
		config = d.config.ConnConfig.Copy()
	}
	if pool.BeforeConnect != nil {
		if err := pool.BeforeConnect(ctx, config); err != nil {
			return nil, err
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = engine.ConnectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = name
	}
	config.RuntimeParams["client_encoding"] = "UTF8" // the server's default is the encoding of the database
	config.DialFunc = handle.Dial(config.DialFunc)
	config.OnNotification = nil
	// A context ends the handshake and the hooks at once, without asking the server to cancel.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn()}
	}
	if adjust != nil {
		adjust(config)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if pool.AfterConnect != nil {
		if err := pool.AfterConnect(ctx, conn); err != nil {
			handle.Cut()
			closeConn(conn.PgConn())
			return nil, err
		}
	}
	return conn.PgConn(), nil
}

// closeConn closes a connection and waits for pgconn's goroutine for it to end, if there is one. If the handle
// is cut, both happen at once.
func closeConn(conn *pgconn.PgConn) {
	_ = conn.Close(context.Background())
	<-conn.CleanupDone()
}
