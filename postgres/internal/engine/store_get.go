package engine

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/backplane-go/backplane/storage"
)

// pieceSize is how many bytes of a body come in one row. A driver reads a whole row into memory before it hands it on, and
// lib/pq as twice as many bytes of text: only one piece is ever there twice, and the rest of the body once.
const pieceSize = 1 << 20

// The statements that read. octet_length does not read a body that is stored out of line, only where it is. Rows come back
// as rows: joining them into one value costs the server twice as much.
//
// In found, the lateral subselect makes the planner look up one id after the other: the statistics of a table that is
// emptied all the time would have it scan the table. In pieces, the concatenation reads, and decompresses, the body once
// for all of its pieces.
const (
	found = `SELECT u.n, octet_length(a.payload)::bigint, CASE WHEN octet_length(a.payload) <= $2::bigint THEN a.payload END
FROM unnest($1::text::bigint[]) WITH ORDINALITY AS u(id, n), LATERAL (SELECT payload FROM %s WHERE id = u.id LIMIT 1) AS a`
	pieces = `SELECT start::bigint, octet_length(whole)::bigint, substring(whole FROM start FOR $3::bigint::int)
FROM (SELECT payload || ''::bytea AS whole FROM %s WHERE id = $1::bigint AND octet_length(payload) <= $2::bigint OFFSET 0) AS b,
  generate_series(1, octet_length(whole), $3::bigint::int) AS start`
)

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, id string) ([]byte, error) {
	if _, ok := parseID(id); s.err == nil && !ok {
		return nil, fmt.Errorf("%w: malformed id", storage.ErrNotFound)
	}
	found, err := s.GetUpTo(ctx, []string{id}, math.MaxInt)
	switch {
	case err != nil:
		return nil, err
	case found[0].Body == nil:
		return nil, storage.ErrNotFound
	}
	return found[0].Body, nil
}

// GetAll implements storage.Batch.
func (s *Store) GetAll(ctx context.Context, ids []string) ([][]byte, error) {
	found, err := s.GetUpTo(ctx, ids, math.MaxInt)
	if err != nil {
		return nil, err
	}
	bodies := make([][]byte, len(found))
	for i := range found {
		bodies[i] = found[i].Body
	}
	return bodies, nil
}

// GetUpTo implements storage.Sizer: it takes one round trip for all that fit into one piece, and one more for each larger one.
func (s *Store) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	if s.err != nil || len(ids) == 0 {
		return nil, s.err
	}
	var all []storage.Found
	err := repeatable(ctx, s.db, func() (err error) {
		all, err = s.small(ctx, ids, min(limit, pieceSize))
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if all[i].Size > pieceSize && all[i].Size <= limit {
			err := repeatable(ctx, s.db, func() (err error) {
				all[i], err = s.large(ctx, id, limit)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// small reads bodies of up to limit bytes, and the sizes of the others.
func (s *Store) small(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = "0" // nobody's
		if _, ok := parseID(id); ok {
			keys[i] = id
		}
	}
	all := make([]storage.Found, len(ids))
	for i := range all {
		all[i].Size = storage.NotFound
	}
	args := []any{"{" + strings.Join(keys, ",") + "}", int64(limit)}
	err := s.db.Rows(ctx, s.found, args, func(n, size int64, bytes []byte) error {
		if n < 1 || n > int64(len(all)) || (bytes == nil) != (size > int64(limit)) {
			return s.surprise()
		}
		all[n-1].Size = int(size)
		if bytes != nil {
			all[n-1].Body = append(make([]byte, 0, size), bytes...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// large reads a body piece by piece into one buffer.
func (s *Store) large(ctx context.Context, id string, limit int) (storage.Found, error) {
	key, _ := parseID(id)
	body := storage.Found{Size: storage.NotFound}
	missing := 0
	err := s.db.Rows(ctx, s.pieces, []any{key, int64(limit), int64(pieceSize)}, func(start, size int64, bytes []byte) error {
		if body.Body == nil {
			body = storage.Found{Size: int(size), Body: make([]byte, size)}
			missing = int(size)
		}
		if start < 1 || start+int64(len(bytes))-1 > int64(body.Size) {
			return s.surprise()
		}
		missing -= copy(body.Body[start-1:], bytes)
		return nil
	})
	if err == nil && missing != 0 {
		err = s.surprise()
	}
	if err != nil {
		return storage.Found{}, err
	}
	return body, nil
}

func (s *Store) surprise() error {
	return fmt.Errorf("postgres: SELECT FROM %s returned a row that was not asked for", s.name)
}

var _ storage.Sizer = (*Store)(nil)
