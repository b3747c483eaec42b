package postgres

import (
	"context"

	"github.com/backplane-go/backplane/transport"
)

// OutboxGrants returns the SQL that lets role append to the outbox of the log with a table in its own transactions,
// with the least privileges: it can insert, but not read. Nodes have the privileges of LogGrants instead.
func OutboxGrants(table, role string) (string, error) {
	n, err := LogNamesOf(table)
	if err != nil {
		return "", err
	}
	to, err := quoteIdentifier("role", role)
	if err != nil {
		return "", err
	}
	return "GRANT USAGE ON SCHEMA " + quote(n.schema) + " TO " + to + ";\n" +
		"GRANT INSERT (channel, payload, keep) ON " + n.Table("_outbox") + " TO " + to + ";\n" +
		"GRANT USAGE ON SEQUENCE " + n.outboxSequence() + " TO " + to + ";\n", nil
}

var (
	_ transport.Outbox   = (*Driver)(nil)
	_ transport.Appender = (*Tx)(nil)
)

// MoveOutbox implements transport.Outbox. It moves up to 1000 messages and 1 MiB in one transaction, with one statement
// over the pool. The statement writes nothing if there is nothing to move.
func (d *Driver) MoveOutbox(ctx context.Context) (moved int, more bool, err error) {
	return d.store.MoveOutbox(ctx)
}

// Append implements transport.Appender. It inserts the records into the outbox of the log, those without Keep too, so
// that their order remains. It takes no lock for which other transactions wait, and sends no notification. A node moves
// the records into the log some time after the transaction was committed: with one call of MoveOutbox those of all
// transactions that were committed until then, in the order in which they were inserted. Positions are not known when
// Append returns. It accepts all records or none.
func (t *Tx) Append(ctx context.Context, records []transport.Record) error {
	return t.tx.Append(ctx, records)
}
