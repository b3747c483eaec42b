package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/storage"
)

// The statements for many bodies in one round trip take and give them end to end, with their lengths beside: one bytea
// travels the same way in every driver, and the server cuts it without parsing.
//
// Rows get their ids in the order of the bodies, because the default of id is computed above the sort. The lateral
// subselect makes the planner look up one id after the other: the statistics of a table that is emptied all the time
// would have it scan the table.
const (
	putAll = `WITH m AS (
  SELECT len, n, sum(len) OVER (ORDER BY n) - len + 1 AS start
  FROM %s, unnest($2::text::int[]) WITH ORDINALITY AS m(len, n)
), put AS (
  INSERT INTO %s (payload)
  SELECT substring(whole.bytes FROM start::int FOR len) FROM (SELECT %s AS bytes OFFSET 0) AS whole, m ORDER BY n
  RETURNING id
)
SELECT string_agg(id::text, ',' ORDER BY id) FROM put`
	getAll = `SELECT string_agg(coalesce(length(a.payload), -1)::text, ',' ORDER BY n),
       string_agg(coalesce(a.payload, ''), ''::bytea ORDER BY n)
FROM unnest($1::text::bigint[]) WITH ORDINALITY AS u(id, n)
LEFT JOIN LATERAL (SELECT payload FROM %s WHERE id = u.id LIMIT 1) AS a ON true`
)

// PutAll implements storage.Batch.
func (s *Store) PutAll(ctx context.Context, bodies [][]byte) ([]string, error) {
	if s.err != nil || len(bodies) == 0 {
		return nil, s.err
	}
	size := 0
	lengths := make([]string, len(bodies))
	for i, body := range bodies {
		size += len(body)
		lengths[i] = strconv.Itoa(len(body))
	}
	all := make([]byte, 0, size)
	for _, body := range bodies {
		all = append(all, body...)
	}
	var list string
	_, arg := s.db.Bytes(all)
	if _, err := s.db.QueryRow(ctx, s.writes.Load().putAll, []any{arg, "{" + strings.Join(lengths, ",") + "}"}, &list); err != nil {
		return nil, err
	}
	ids := strings.Split(list, ",")
	if len(ids) != len(bodies) { // a trigger or a rule swallowed rows
		return nil, fmt.Errorf("postgres: INSERT INTO %s returned %d rows for %d attachments", s.name, len(ids), len(bodies))
	}
	return ids, nil
}

// GetAll implements storage.Batch.
func (s *Store) GetAll(ctx context.Context, ids []string) ([][]byte, error) {
	if s.err != nil || len(ids) == 0 {
		return nil, s.err
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = "0" // nobody's
		if _, ok := parseID(id); ok {
			keys[i] = id
		}
	}
	var lengths string
	var all []byte
	if _, err := s.db.QueryRow(ctx, s.getAll, []any{"{" + strings.Join(keys, ",") + "}"}, &lengths, &all); err != nil {
		return nil, err
	}
	bodies := make([][]byte, len(ids))
	for i, length := range strings.Split(lengths, ",") {
		n, err := strconv.Atoi(length)
		if err != nil || i == len(ids) || n > len(all) {
			return nil, fmt.Errorf("postgres: SELECT FROM %s returned lengths that do not fit: %.100q", s.name, lengths)
		}
		if n >= 0 {
			bodies[i], all = all[:n:n], all[n:]
		}
	}
	return bodies, nil
}

var _ storage.Batch = (*Store)(nil)
