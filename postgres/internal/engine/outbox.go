package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// maxMoved is the maximum number of messages that one call moves from the outbox.
const maxMoved = 1000

// Outbox moves messages that transactions of the application have appended into the log.
type Outbox struct {
	pool  Pool
	names postgres.LogNames
	err   error // of the table's name
}

func newOutbox(pool Pool, config postgres.Config) *Outbox {
	names, err := postgres.LogNamesOf(logTableOf(config))
	return &Outbox{pool: pool, names: names, err: err}
}

// logTableOf returns the name of the table of the log. If it names no schema, it is in that of the attachments.
func logTableOf(config postgres.Config) string {
	table := config.LogTable
	if table == "" {
		table = postgres.DefaultLogTable
	}
	if schema, _, qualified := strings.Cut(tableOf(config), "."); qualified && !strings.Contains(table, ".") {
		table = schema + "." + table
	}
	return table
}

// MoveOutbox implements transport.Outbox. If a connection breaks, it is not known whether messages were moved; they
// are not counted then.
func (o *Outbox) MoveOutbox(ctx context.Context) (moved int, more bool, err error) {
	if o.err != nil {
		return 0, false, o.err
	}
	type result struct {
		moved int64
		more  bool
	}
	statement := "SELECT moved::bigint, more FROM " + o.names.Table("_move") + "($1::bigint::integer)"
	r, err := retry(ctx, o.pool.IsBroken, func() (r result, err error) {
		_, err = o.pool.QueryRow(ctx, statement, []any{int64(maxMoved)}, &r.moved, &r.more)
		return r, err
	})
	if sqlState(err) == invalidTransactionState {
		return o.moveInReadCommitted(ctx)
	}
	return int(r.moved), r.more, err
}

// moveInReadCommitted is for pools whose transactions are stricter than READ COMMITTED by default. Only statements
// without a result can choose the isolation level in the same round trip.
func (o *Outbox) moveInReadCommitted(ctx context.Context) (moved int, more bool, err error) {
	var before, last, left int64
	outbox := o.names.Table("_outbox")
	_, err = o.pool.QueryRow(ctx, "SELECT count(*), coalesce(max(id), 0) FROM (SELECT id FROM "+outbox+
		" ORDER BY id LIMIT $1::bigint) AS first", []any{int64(maxMoved)}, &before, &last)
	if err != nil {
		return 0, false, err
	}
	err = o.pool.Exec(ctx, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SELECT "+o.names.Table("_move")+"("+
		strconv.Itoa(maxMoved)+")")
	if err != nil {
		return 0, false, err
	}
	_, err = o.pool.QueryRow(ctx, "SELECT count(*) FILTER (WHERE id <= $1::bigint), count(*) > 0 FROM "+outbox,
		[]any{last}, &left, &more)
	return int(max(before-left, 0)), more, err
}

// The statements that append to the outbox. The argument is its name.
const (
	appendOne  = "INSERT INTO %s (channel, payload, keep) VALUES ($1::text, $2::text, $3::text::boolean)"
	appendMany = "INSERT INTO %s (channel, payload, keep) SELECT channel, payload, keep " +
		"FROM unnest($1::text::text[], $2::text::text[], $3::text::boolean[]) WITH ORDINALITY " +
		"AS m(channel, payload, keep, n) ORDER BY n"
)

// appender appends records to the outbox in a transaction of the caller.
type appender struct {
	one, many string
	err       error // of the table's name
}

func newAppender(config postgres.Config) *appender {
	names, err := postgres.LogNamesOf(logTableOf(config))
	outbox := names.Table("_outbox")
	return &appender{one: fmt.Sprintf(appendOne, outbox), many: fmt.Sprintf(appendMany, outbox), err: err}
}

// Append implements transport.Appender: it inserts records into the outbox, all or none.
func (t *Tx) Append(ctx context.Context, records []transport.Record) error {
	if t.appender.err != nil || len(records) == 0 {
		return t.appender.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range records {
		if err := checkMessage(records[i].Message); err != nil {
			return &transport.RejectedError{Err: err}
		}
	}
	if len(records) == 1 {
		r := &records[0]
		return t.db.Exec(ctx, t.appender.one, r.Channel, string(r.Payload), strconv.FormatBool(r.Keep))
	}
	for len(records) > 0 {
		channels, payloads, keep := []byte{'{'}, []byte{'{'}, []byte{'{'}
		n := 0
		for ; n < len(records) && len(channels)+len(payloads) < maxRoundBytes; n++ {
			channels = appendElement(channels, n, records[n].Channel)
			payloads = appendElement(payloads, n, records[n].Payload)
			keep = appendElement(keep, n, strconv.FormatBool(records[n].Keep))
		}
		records = records[n:]
		err := t.db.Exec(ctx, t.appender.many, string(append(channels, '}')), string(append(payloads, '}')),
			string(append(keep, '}')))
		if err != nil {
			return err
		}
	}
	return nil
}
