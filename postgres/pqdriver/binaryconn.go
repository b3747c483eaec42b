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

// binaryConn is a connection of the driver for queries with large arguments, which it sends in binary format.
// It uses the interfaces of database/sql/driver. A sql.DB would start a goroutine and would need a Close, even
// if only the store is used. Only one goroutine at a time uses a binaryConn. Cutting its handle ends any call.
type binaryConn struct {
	conn     driver.Conn
	handle   *engine.Handle
	prepared map[string]driver.StmtQueryContext
}

func (d *dialer) dialWriter(ctx context.Context) (*binaryConn, error) {
	handle := new(engine.Handle)
	conn, err := d.dialBinary(ctx, handle, "backplane store")
	handle.ForbidDial()
	if err != nil {
		handle.Cut()
		return nil, err
	}
	c := &binaryConn{conn: conn, handle: handle, prepared: make(map[string]driver.StmtQueryContext)}
	stop := handle.CutOnDone(ctx)
	for _, settings := range []string{engine.StoreSettings, engine.CheckClientSettings} {
		// The connection works without settings that the server refuses.
		_, err = conn.(driver.ExecerContext).ExecContext(context.Background(), settings, nil)
		if !c.isUsable() {
			break
		}
	}
	if uncut := stop(); !uncut || !c.isUsable() {
		c.close()
		if !uncut {
			err = ctx.Err()
		}
		return nil, err
	}
	return c, nil
}

// dialBinary opens a connection on which lib/pq sends []byte in binary format.
func (d *dialer) dialBinary(ctx context.Context, handle *engine.Handle, name string) (driver.Conn, error) {
	config, err := d.settings(name)
	if err != nil {
		return nil, err
	}
	config.BinaryParameters = true
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	connector.Dialer(netDialer{handle})
	stop := handle.CutOnDone(ctx)
	conn, err := connector.Connect(ctx)
	if uncut := stop(); err == nil && !uncut {
		_ = conn.Close()
		err = ctx.Err()
	}
	return conn, err
}

func (c *binaryConn) ping() error { return c.conn.(driver.Pinger).Ping(context.Background()) }

func (c *binaryConn) isUsable() bool { return c.conn.(driver.Validator).IsValid() }

func (c *binaryConn) close() {
	_ = c.conn.Close() // an error does not matter: the connection is not used any more
	c.handle.Cut()
}

// queryRow scans the first row into dest, pointers to int64, string or bool, and reports whether there was one.
func (c *binaryConn) queryRow(statement string, args []any, dest ...any) (found bool, err error) {
	stmt := c.prepared[statement]
	if stmt == nil {
		prepared, err := c.conn.Prepare(statement)
		if err != nil {
			return false, err
		}
		stmt = prepared.(driver.StmtQueryContext)
		c.prepared[statement] = stmt
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
