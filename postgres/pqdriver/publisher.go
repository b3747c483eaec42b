package pqdriver

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/lib/pq"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// publisher publishes with prepared statements. It uses the interfaces of database/sql/driver, because a sql.DB
// would open and close connections on its own.
type publisher struct {
	conn      driver.Conn
	handle    *engine.Handle
	one, many driver.StmtExecContext
	append    driver.StmtQueryContext // prepared when it is first needed
}

var _ engine.PublishConn = (*publisher)(nil)

func (d *dialer) DialPublisher(ctx context.Context, handle *engine.Handle) (engine.PublishConn, error) {
	conn, err := d.dialBinary(ctx, handle, "backplane publish") // the format of engine.Batch
	if err != nil {
		return nil, err
	}
	p := &publisher{conn: conn, handle: handle}
	if err := errors.Join(p.prepare(&p.one, engine.NotifyOne), p.prepare(&p.many, engine.NotifyMany)); err != nil {
		handle.Cut() // so that Close does not write
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *publisher) prepare(statement *driver.StmtExecContext, sql string) error {
	p.handle.BeginStatement()
	prepared, err := p.conn.Prepare(sql)
	if err != nil {
		return err
	}
	*statement = prepared.(driver.StmtExecContext)
	return nil
}

func (p *publisher) Notify(batches []engine.Batch) (committed int, outcome engine.Outcome, err error) {
	for i, b := range batches {
		if b.Append != nil {
			if b.Append.Answer, err = p.keep(b); err != nil {
				return i, p.handle.Outcome(isRefused(p.conn, err)), err
			}
			continue
		}
		statement := p.many
		if b.Items == 1 {
			statement = p.one
		}
		args := []driver.NamedValue{{Ordinal: 1, Value: b.Channels}, {Ordinal: 2, Value: b.Payloads}}
		p.handle.BeginStatement()
		if _, err := statement.ExecContext(context.Background(), args); err != nil {
			return i, p.handle.Outcome(isRefused(p.conn, err)), err
		}
	}
	return len(batches), outcome, nil
}

// keep appends a batch and returns the answer.
func (p *publisher) keep(b engine.Batch) (answer string, err error) {
	p.handle.BeginStatement()
	if p.append == nil {
		prepared, err := p.conn.Prepare(b.Append.Statement)
		if err != nil {
			return "", err
		}
		p.append = prepared.(driver.StmtQueryContext)
		p.handle.BeginStatement()
	}
	args := make([]driver.NamedValue, 0, 6)
	for i, arg := range [][]byte{
		b.Append.Args[0], b.Append.Args[1], b.Append.Args[2], b.Append.Args[3], b.Channels, b.Payloads,
	} {
		args = append(args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	rows, err := p.append.QueryContext(context.Background(), args)
	if err != nil {
		return "", err
	}
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return "", errors.Join(err, rows.Close())
	}
	if err := assign(&answer, row[0]); err != nil {
		return "", errors.Join(err, rows.Close())
	}
	if err := rows.Next(row); !errors.Is(err, io.EOF) { // until the transaction is over
		return "", errors.Join(err, rows.Close())
	}
	return answer, rows.Close()
}

// isRefused reports whether the server itself refused a statement and the connection survived.
func isRefused(conn driver.Conn, err error) bool {
	var e *pq.Error
	return errors.As(err, &e) && !e.Fatal() && conn.(driver.Validator).IsValid()
}

func (p *publisher) Ping() error { return p.conn.(driver.Pinger).Ping(context.Background()) }

func (p *publisher) Exec(statements string) (refused bool, err error) {
	_, err = p.conn.(driver.ExecerContext).ExecContext(context.Background(), statements, nil)
	return isRefused(p.conn, err), err
}

func (p *publisher) Close() { _ = p.conn.Close() }
