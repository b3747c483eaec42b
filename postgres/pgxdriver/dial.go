package pgxdriver

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// dialer opens the driver's own connections, with the settings of the pool unless told otherwise.
type dialer struct {
	pool   *pgxpool.Pool
	config Config
}

var _ engine.Dialer = (*dialer)(nil)

// dial connects, with the settings that adjust, if any, leaves. The connection is used at the level of pgconn; pgx is asked
// to open it because the pool's hooks want its type.
func (d *dialer) dial(ctx context.Context, link *engine.Link, name string, adjust func(*pgx.ConnConfig)) (*pgconn.PgConn, error) {
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
	config.DialFunc = link.Dial(config.DialFunc)
	config.OnNotification = nil
	// The hooks and the handshake are ended by their context at once, without asking the server to cancel.
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
			link.Cut()
			end(conn.PgConn())
			return nil, err
		}
	}
	return conn.PgConn(), nil
}

// end closes a connection and waits until pgconn's goroutine for it, if there is one, has ended: at once if
// its link is cut.
func end(conn *pgconn.PgConn) {
	_ = conn.Close(context.Background())
	<-conn.CleanupDone()
}
