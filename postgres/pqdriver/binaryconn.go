package pqdriver

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/lib/pq"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// direct is a connection of the driver's own for queries with large arguments, on the interfaces of database/sql/driver: a
// sql.DB would need a goroutine, and a Close where nobody closes a store. One goroutine at a time uses it; cutting its link
// ends any call.
type direct struct {
	conn     driver.Conn
	link     *engine.Link
	prepared map[string]driver.StmtQueryContext
}

func (d *dialer) dialDirect(ctx context.Context) (*direct, error) {
	link := new(engine.Link)
	conn, err := d.dialBinary(ctx, link, "backplane store")
	link.Seal()
	if err != nil {
		link.Cut()
		return nil, err
	}
	opened := &direct{conn: conn, link: link, prepared: make(map[string]driver.StmtQueryContext)}
	stop := link.CutWhen(ctx)
	for _, settings := range []string{engine.Storing, engine.Abandonable} { // those that are refused are done without
		if _, err = conn.(driver.ExecerContext).ExecContext(context.Background(), settings, nil); !opened.usable() {
			break
		}
	}
	if whole := stop(); !whole || !opened.usable() {
		opened.close()
		if !whole {
			err = ctx.Err()
		}
		return nil, err
	}
	return opened, nil
}

// dialBinary opens a connection on which []byte is sent as it is.
func (d *dialer) dialBinary(ctx context.Context, link *engine.Link, name string) (driver.Conn, error) {
	config, err := d.settings(name)
	if err != nil {
		return nil, err
	}
	config.BinaryParameters = true
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	connector.Dialer(netDialer{link})
	stop := link.CutWhen(ctx)
	conn, err := connector.Connect(ctx)
	if whole := stop(); err == nil && !whole {
		_ = conn.Close()
		err = ctx.Err()
	}
	return conn, err
}

func (d *direct) ping() error { return d.conn.(driver.Pinger).Ping(context.Background()) }

func (d *direct) usable() bool { return d.conn.(driver.Validator).IsValid() }

func (d *direct) close() {
	_ = d.conn.Close() // it is given up
	d.link.Cut()
}

// queryRow scans the first row into dest, pointers to int64, string or bool, and tells whether there was one.
func (d *direct) queryRow(statement string, args []any, dest ...any) (found bool, err error) {
	stmt := d.prepared[statement]
	if stmt == nil {
		prepared, err := d.conn.Prepare(statement)
		if err != nil {
			return false, err
		}
		stmt = prepared.(driver.StmtQueryContext)
		d.prepared[statement] = stmt
	}
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	rows, err := stmt.QueryContext(context.Background(), named)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, len(dest))
	switch err := rows.Next(values); {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, err
	}
	for i, value := range values {
		if err := assign(dest[i], value); err != nil {
			return false, err
		}
	}
	return true, nil
}

func assign(dest any, value driver.Value) error {
	ok := false
	switch dest := dest.(type) {
	case *int64:
		*dest, ok = value.(int64)
	case *bool:
		*dest, ok = value.(bool)
	case *string:
		if p, isBytes := value.([]byte); isBytes {
			value = string(p)
		}
		*dest, ok = value.(string)
	}
	if !ok {
		return fmt.Errorf("postgres: a %T cannot be read into a %T", value, dest)
	}
	return nil
}
