package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/storage"
)

// The statement that stores many bodies in one round trip. They are sent end to end, with their lengths beside: one bytea travels the
// same way in every driver, and the server cuts it without parsing.
//
// Rows get their ids in the order of the bodies, because the default of id is computed above the sort.
const putAll = `WITH m AS (
  SELECT len, n, sum(len) OVER (ORDER BY n) - len + 1 AS start
  FROM %s, unnest($2::text::int[]) WITH ORDINALITY AS m(len, n)
), put AS (
  INSERT INTO %s (payload)
  SELECT substring(whole.bytes FROM start::int FOR len) FROM (SELECT %s AS bytes OFFSET 0) AS whole, m ORDER BY n
  RETURNING id
)
SELECT string_agg(id::text, ',' ORDER BY id) FROM put`

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
	db, statements := s.writer(ctx)
	_, arg := db.Bytes(all)
	err := repeatable(ctx, db, func() error {
		_, err := db.QueryRow(ctx, statements.putAll, []any{arg, "{" + strings.Join(lengths, ",") + "}"}, &list)
		return err
	})
	if err != nil {
		return nil, err
	}
	ids := strings.Split(list, ",")
	if len(ids) != len(bodies) { // a trigger or a rule swallowed rows
		return nil, fmt.Errorf("postgres: INSERT INTO %s returned %d rows for %d attachments", s.name, len(ids), len(bodies))
	}
	return ids, nil
}

var _ storage.Batch = (*Store)(nil)
