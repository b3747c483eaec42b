package pgxdriver

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// entry is a connection that the server shows under a name.
type entry struct{ conn *pgconn.PgConn }

var _ engine.EntryConn = entry{}

func (d *dialer) DialEntry(ctx context.Context, handle *engine.Handle) (engine.EntryConn, error) {
	conn, err := d.dial(ctx, handle, "backplane entry", nil)
	if err != nil {
		return nil, err
	}
	return entry{conn}, nil
}

func (e entry) Exec(statements string) (refused bool, err error) {
	_, err = e.conn.Exec(context.Background(), statements).ReadAll()
	return isRefused(e.conn, err), err
}

func (e entry) Row(statement string) (columns []string, refused bool, err error) {
	results, err := e.conn.Exec(context.Background(), statement).ReadAll()
	if err != nil {
		return nil, isRefused(e.conn, err), err
	}
	if len(results) == 0 || len(results[0].Rows) == 0 {
		return nil, false, nil
	}
	for _, column := range results[0].Rows[0] {
		columns = append(columns, string(column))
	}
	return columns, false, nil
}

func (e entry) Close() { closeConn(e.conn) }
