package pqdriver

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/lib/pq"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// publisher publishes with prepared statements, on the interfaces of database/sql/driver: a sql.DB would open
// and close connections as it likes.
type publisher struct {
	conn      driver.Conn
	link      *engine.Link
	one, many driver.StmtExecContext
}

var _ engine.Publisher = (*publisher)(nil)

func (d *dialer) DialPublisher(ctx context.Context, link *engine.Link) (engine.Publisher, error) {
	conn, err := d.dialBinary(ctx, link, "backplane publish") // as engine.Batch is encoded
	if err != nil {
		return nil, err
	}
	p := &publisher{conn: conn, link: link}
	if err := errors.Join(p.prepare(&p.one, engine.NotifyOne), p.prepare(&p.many, engine.NotifyMany)); err != nil {
		link.Cut() // or Close writes
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *publisher) prepare(statement *driver.StmtExecContext, sql string) error {
	p.link.Begin()
	prepared, err := p.conn.Prepare(sql)
	if err != nil {
		return err
	}
	*statement = prepared.(driver.StmtExecContext)
	return nil
}

func (p *publisher) Notify(batches []engine.Batch) (committed int, fate engine.Fate, err error) {
	for i, b := range batches {
		statement := p.many
		if b.Items == 1 {
			statement = p.one
		}
		args := []driver.NamedValue{{Ordinal: 1, Value: b.Channels}, {Ordinal: 2, Value: b.Payloads}}
		p.link.Begin()
		if _, err := statement.ExecContext(context.Background(), args); err != nil {
			return i, p.fate(err), err
		}
	}
	return len(batches), fate, nil
}

// fate is that of what was sent since the link's Begin.
func (p *publisher) fate(err error) engine.Fate {
	switch {
	case p.link.Untouched():
		return engine.Unsent
	case p.refused(err):
		return engine.Refused
	}
	return engine.Open
}

// refused tells whether the server itself refused a statement and the connection survived it.
func (p *publisher) refused(err error) bool {
	var e *pq.Error
	return errors.As(err, &e) && !e.Fatal() && p.conn.(driver.Validator).IsValid()
}

func (p *publisher) Ping() error { return p.conn.(driver.Pinger).Ping(context.Background()) }

func (p *publisher) Exec(statements string) (intact bool, err error) {
	_, err = p.conn.(driver.ExecerContext).ExecContext(context.Background(), statements, nil)
	return p.refused(err), err
}

func (p *publisher) Close() { _ = p.conn.Close() }
