package pqdriver

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// entry is a connection that the server shows under a name.
type entry struct{ conn driver.Conn }

var _ engine.EntryConn = entry{}

func (d *dialer) DialEntry(ctx context.Context, handle *engine.Handle) (engine.EntryConn, error) {
	conn, err := d.dialBinary(ctx, handle, "backplane entry")
	if err != nil {
		return nil, err
	}
	return entry{conn}, nil
}

func (e entry) Exec(statements string) (refused bool, err error) {
	_, err = e.conn.(driver.ExecerContext).ExecContext(context.Background(), statements, nil)
	return isRefused(e.conn, err), err
}

func (e entry) Row(statement string) (columns []string, refused bool, err error) {
	rows, err := e.conn.(driver.QueryerContext).QueryContext(context.Background(), statement, nil)
	if err != nil {
		return nil, isRefused(e.conn, err), err
	}
	values := make([]driver.Value, len(rows.Columns()))
	switch err = rows.Next(values); {
	case errors.Is(err, io.EOF):
		return nil, false, rows.Close()
	case err != nil:
		return nil, isRefused(e.conn, err), errors.Join(err, rows.Close())
	}
	columns = make([]string, len(values))
	for i, value := range values {
		if err := assign(&columns[i], value); err != nil {
			return nil, false, errors.Join(err, rows.Close())
		}
	}
	return columns, false, rows.Close()
}

func (e entry) Close() { _ = e.conn.Close() }
