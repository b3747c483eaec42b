package pgxdriver

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// publisher publishes with prepared statements.
type publisher struct {
	conn      *pgconn.PgConn
	link      *engine.Link
	one, many *pgconn.StatementDescription

	begin, commit *pgconn.StatementDescription // prepared when first needed
}

var (
	_ engine.Publisher = (*publisher)(nil)

	inBinary = []int16{1}
)

func (d *dialer) DialPublisher(ctx context.Context, link *engine.Link) (engine.Publisher, error) {
	conn, err := d.dial(ctx, link, "backplane publish", nil)
	if err != nil {
		return nil, err
	}
	p := &publisher{conn: conn, link: link}
	err = errors.Join(p.prepare(&p.one, "backplane_one", engine.NotifyOne), p.prepare(&p.many, "backplane_many", engine.NotifyMany))
	if err != nil {
		link.Cut()
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *publisher) prepare(statement **pgconn.StatementDescription, name, sql string) error {
	p.link.Begin()
	var err error
	*statement, err = p.conn.Prepare(context.Background(), name, sql, nil)
	return err
}

func (p *publisher) statement(b engine.Batch) *pgconn.StatementDescription {
	if b.Items == 1 {
		return p.one
	}
	return p.many
}

func (p *publisher) Notify(batches []engine.Batch) (committed int, fate engine.Fate, err error) {
	p.link.Begin()
	if len(batches) == 1 {
		b := batches[0]
		_, err = p.conn.ExecStatement(context.Background(), p.statement(b), [][]byte{b.Channels, b.Payloads}, inBinary, nil).Close()
		if err == nil {
			return 1, fate, nil
		}
		return 0, p.fate(err), err
	}
	return p.pipeline(batches)
}

// pipeline sends all batches in one round trip. They share one synchronization point, so that the server skips
// what follows a failing batch, and each is a transaction block of its own.
func (p *publisher) pipeline(batches []engine.Batch) (committed int, fate engine.Fate, err error) {
	if p.begin == nil {
		err := errors.Join(p.prepare(&p.begin, "backplane_begin", "BEGIN"), p.prepare(&p.commit, "backplane_commit", "COMMIT"))
		if err != nil {
			return 0, engine.Unsent, err
		}
		p.link.Begin()
	}
	pipeline := p.conn.StartPipeline(context.Background())
	for _, b := range batches {
		pipeline.SendQueryStatement(p.begin, nil, nil, nil)
		pipeline.SendQueryStatement(p.statement(b), [][]byte{b.Channels, b.Payloads}, inBinary, nil)
		pipeline.SendQueryStatement(p.commit, nil, nil, nil)
	}
	err = pipeline.Sync()
	for results := 0; err == nil && results < 3*len(batches); results++ {
		var result any
		result, err = pipeline.GetResults()
		if reader, ok := result.(*pgconn.ResultReader); ok && err == nil {
			_, err = reader.Close()
		}
		if err == nil {
			committed = (results + 1) / 3
		}
	}
	if closeErr := pipeline.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		return committed, fate, nil
	}
	fate = p.fate(err)
	if fate == engine.Refused && p.conn.TxStatus() != 'I' {
		if _, rollbackErr := p.conn.Exec(context.Background(), "ROLLBACK").ReadAll(); rollbackErr != nil {
			return committed, engine.Open, err
		}
	}
	return committed, fate, err
}

// fate is that of what was sent since the link's Begin.
func (p *publisher) fate(err error) engine.Fate {
	switch {
	case p.link.Untouched():
		return engine.Unsent
	case refused(p.conn, err):
		return engine.Refused
	}
	return engine.Open
}

func (p *publisher) Ping() error { return p.conn.Ping(context.Background()) }

func (p *publisher) Exec(statements string) (intact bool, err error) {
	_, err = p.conn.Exec(context.Background(), statements).ReadAll()
	return refused(p.conn, err), err
}

func (p *publisher) Close() { end(p.conn) }

// refused tells whether the server itself refused a statement and the connection survived it.
func refused(conn *pgconn.PgConn, err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && !conn.IsClosed()
}
