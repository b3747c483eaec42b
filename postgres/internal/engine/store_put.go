package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var _ storage.Batch = (*Store)(nil)

// insertOne stores one body. The first argument is the expression that reads it, the second the settings.
const insertOne = `INSERT INTO %s (payload) SELECT %s FROM %s RETURNING id`

// insertMany stores many bodies in one round trip. They are sent as one concatenated bytea and their lengths:
// every driver can pass that, and the server divides it without parsing. The ids have the order of the bodies,
// because the default of the column id is computed above the sort. The last two arguments are empty, or another column
// and its value.
const insertMany = `WITH m AS (
  SELECT len, n, sum(len) OVER (ORDER BY n) - len + 1 AS start
  FROM %[3]s, unnest($2::text::int[]) WITH ORDINALITY AS m(len, n)
), put AS (
  INSERT INTO %[1]s (payload%[4]s)
  SELECT substring(whole.bytes FROM start::int FOR len)%[5]s FROM (SELECT %[2]s AS bytes OFFSET 0) AS whole, m ORDER BY n
  RETURNING id
)
SELECT string_agg(id::text, ',' ORDER BY id) FROM put`

// inserter stores bodies in one table.
type inserter struct {
	table    string // as it is written in SQL
	durable  bool
	settings atomic.Pointer[string] // applied in the transaction that stores

	statements sync.Map // insertKey → insertStatements
}

// insertKey is what the statements depend on: the expression that reads the bytes, and the settings.
type insertKey struct{ bytes, settings string }

type insertStatements struct{ one, many, manyFor string }

// The column and the value with which a body is kept for $3 seconds longer than others. Expire deletes by created_at,
// and so do Node.js nodes.
const (
	keepColumn = ", created_at"
	keepValue  = ", now() + make_interval(secs => $3::float8)"
)

func newInserter(table string, durable bool) *inserter {
	i := &inserter{table: table, durable: durable}
	i.useSettings(false)
	return i
}

// useSettings chooses the settings. They apply to the transaction only, and are set before the row is stored.
// For compressible bodies lz4, where the server has it, takes a fifth of the time of the default. Reading does
// not depend on it.
func (i *inserter) useSettings(lz4 bool) {
	settings := []string{"1"}
	if !i.durable {
		settings = append(settings, "set_config('synchronous_commit', 'off', true)")
	}
	if lz4 {
		settings = append(settings, "set_config('default_toast_compression', 'lz4', true)")
	}
	from := "(SELECT " + strings.Join(settings, ", ") + " OFFSET 0) AS settings"
	i.settings.Store(&from)
}

func (i *inserter) statementsFor(db Querier) insertStatements {
	expression, _ := db.Bytes(nil)
	key := insertKey{expression, *i.settings.Load()}
	if s, ok := i.statements.Load(key); ok {
		return s.(insertStatements)
	}
	s := insertStatements{
		one:     fmt.Sprintf(insertOne, i.table, expression, key.settings),
		many:    fmt.Sprintf(insertMany, i.table, expression, key.settings, "", ""),
		manyFor: fmt.Sprintf(insertMany, i.table, expression, key.settings, keepColumn, keepValue),
	}
	i.statements.Store(key, s)
	return s
}

// put stores body and returns its id.
func (i *inserter) put(ctx context.Context, db Querier, body []byte) (string, error) {
	if body == nil {
		body = []byte{} // nil would be NULL
	}
	var id int64
	_, arg := db.Bytes(body)
	found, err := db.QueryRow(ctx, i.statementsFor(db).one, []any{arg}, &id)
	if err != nil {
		return "", err
	}
	if !found { // a trigger or a rule discarded the row
		return "", fmt.Errorf("postgres: INSERT INTO %s returned no row", i.table)
	}
	return strconv.FormatInt(id, 10), nil
}

// putAll stores bodies and returns their ids.
func (i *inserter) putAll(ctx context.Context, db Querier, bodies [][]byte) ([]string, error) {
	return i.putMany(ctx, db, i.statementsFor(db).many, bodies)
}

// putFor does what putAll does, and keeps the bodies for the given time longer.
func (i *inserter) putFor(ctx context.Context, db Querier, bodies [][]byte, keep time.Duration) ([]string, error) {
	return i.putMany(ctx, db, i.statementsFor(db).manyFor, bodies, max(keep, 0).Seconds())
}

func (i *inserter) putMany(
	ctx context.Context, db Querier, statement string, bodies [][]byte, more ...any,
) ([]string, error) {
	all, lengths := concatenate(len(bodies), func(n int) []byte { return bodies[n] })
	_, arg := db.Bytes(all)
	var list string
	if _, err := db.QueryRow(ctx, statement, append([]any{arg, lengths}, more...), &list); err != nil {
		return nil, err
	}
	ids := strings.Split(list, ",")
	if len(ids) != len(bodies) { // a trigger or a rule discarded rows
		return nil, fmt.Errorf("postgres: INSERT INTO %s returned %d rows for %d attachments",
			i.table, len(ids), len(bodies))
	}
	return ids, nil
}

// concatenate returns n values as one, and their lengths as the text form of an array of integers.
func concatenate(n int, value func(i int) []byte) (all []byte, lengths string) {
	size := 0
	for i := range n {
		size += len(value(i))
	}
	all = make([]byte, 0, size)
	list := []byte{'{'}
	for i := range n {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, int64(len(value(i))), 10)
		all = append(all, value(i)...)
	}
	return all, string(append(list, '}'))
}
