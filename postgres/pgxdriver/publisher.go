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
	handle    *engine.Handle
	one, many *pgconn.StatementDescription

	begin, commit, append *pgconn.StatementDescription // prepared when they are first needed
}

var (
	_ engine.PublishConn = (*publisher)(nil)

	binaryFormat = []int16{1}
)

func (d *dialer) DialPublisher(ctx context.Context, handle *engine.Handle) (engine.PublishConn, error) {
	conn, err := d.dial(ctx, handle, "backplane publish", nil)
	if err != nil {
		return nil, err
	}
	p := &publisher{conn: conn, handle: handle}
	err = errors.Join(
		p.prepare(&p.one, "backplane_one", engine.NotifyOne),
		p.prepare(&p.many, "backplane_many", engine.NotifyMany),
	)
	if err != nil {
		handle.Cut()
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *publisher) prepare(statement **pgconn.StatementDescription, name, sql string) error {
	p.handle.BeginStatement()
	var err error
	*statement, err = p.conn.Prepare(context.Background(), name, sql, nil)
	return err
}

// statement returns the statement of a batch and its arguments.
func (p *publisher) statement(b *engine.Batch) (*pgconn.StatementDescription, [][]byte) {
	switch {
	case b.Append != nil:
		a := &b.Append.Args
		return p.append, [][]byte{a[0], a[1], a[2], a[3], b.Channels, b.Payloads}
	case b.Items == 1:
		return p.one, [][]byte{b.Channels, b.Payloads}
	}
	return p.many, [][]byte{b.Channels, b.Payloads}
}

// prepareAppend prepares the statement that appends if one of the batches needs it.
func (p *publisher) prepareAppend(batches []engine.Batch) error {
	if p.append != nil {
		return nil
	}
	for i := range batches {
		if a := batches[i].Append; a != nil {
			return p.prepare(&p.append, "backplane_append", a.Statement)
		}
	}
	return nil
}

// read reads the result of a batch.
func read(result *pgconn.ResultReader, b *engine.Batch) error {
	if b.Append != nil && result.NextRow() {
		b.Append.Answer = string(result.Values()[0])
	}
	_, err := result.Close()
	return err
}

func (p *publisher) Notify(batches []engine.Batch) (committed int, outcome engine.Outcome, err error) {
	if err := p.prepareAppend(batches); err != nil {
		return 0, p.handle.Outcome(isRefused(p.conn, err)), err
	}
	p.handle.BeginStatement()
	if len(batches) == 1 {
		b := &batches[0]
		statement, args := p.statement(b)
		err = read(p.conn.ExecStatement(context.Background(), statement, args, binaryFormat, nil), b)
		if err == nil {
			return 1, outcome, nil
		}
		return 0, p.handle.Outcome(isRefused(p.conn, err)), err
	}
	return p.pipeline(batches)
}

// pipeline sends all batches in one round trip. They share one synchronization point, so that the server skips
// the rest after a batch that fails. Each batch is its own transaction block.
func (p *publisher) pipeline(batches []engine.Batch) (committed int, outcome engine.Outcome, err error) {
	if p.begin == nil {
		err := errors.Join(
			p.prepare(&p.begin, "backplane_begin", "BEGIN"), p.prepare(&p.commit, "backplane_commit", "COMMIT"),
		)
		if err != nil {
			return 0, engine.StatementNotRun, err
		}
		p.handle.BeginStatement()
	}
	pipeline := p.conn.StartPipeline(context.Background())
	for i := range batches {
		statement, args := p.statement(&batches[i])
		pipeline.SendQueryStatement(p.begin, nil, nil, nil)
		pipeline.SendQueryStatement(statement, args, binaryFormat, nil)
		pipeline.SendQueryStatement(p.commit, nil, nil, nil)
	}
	err = pipeline.Sync()
	for results := 0; err == nil && results < 3*len(batches); results++ {
		var result any
		result, err = pipeline.GetResults()
		if reader, ok := result.(*pgconn.ResultReader); ok && err == nil {
			if results%3 == 1 {
				err = read(reader, &batches[results/3])
			} else {
				_, err = reader.Close()
			}
		}
		if err == nil {
			committed = (results + 1) / 3
		}
	}
	if closeErr := pipeline.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		return committed, outcome, nil
	}
	outcome = p.handle.Outcome(isRefused(p.conn, err))
	if outcome == engine.StatementRefused && p.conn.TxStatus() != 'I' {
		if _, rollbackErr := p.conn.Exec(context.Background(), "ROLLBACK").ReadAll(); rollbackErr != nil {
			return committed, engine.OutcomeUnknown, err
		}
	}
	return committed, outcome, err
}

func (p *publisher) Ping() error { return p.conn.Ping(context.Background()) }

func (p *publisher) Exec(statements string) (refused bool, err error) {
	_, err = p.conn.Exec(context.Background(), statements).ReadAll()
	return isRefused(p.conn, err), err
}

func (p *publisher) Close() { closeConn(p.conn) }

// isRefused reports whether the server itself refused a statement and the connection survived.
func isRefused(conn *pgconn.PgConn, err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && !conn.IsClosed()
}
