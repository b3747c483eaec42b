package engine

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/storage"
)

// pieceSize is the number of bytes of a body in one row. A driver reads a whole row into memory before it
// passes it on, and lib/pq may read it as text of twice the size. With pieces, only one piece is in memory
// twice, and the rest of the body once.
const pieceSize = 1 << 20

// The statements that read. octet_length does not read a body that is stored out of line, only its header. The
// results are rows: joining them into one value takes the server twice as long.
//
// In selectBodies, the lateral subselect makes the planner look up the ids one by one. The statistics of a
// table that is emptied all the time would make it scan the table. In selectPieces, the concatenation makes the
// server read and decompress the body once for all of its pieces.
const (
	selectBodies = `SELECT u.n, octet_length(a.payload)::bigint,
  CASE WHEN octet_length(a.payload) <= $2::bigint THEN a.payload END
FROM unnest($1::text::bigint[]) WITH ORDINALITY AS u(id, n),
  LATERAL (SELECT payload FROM %s WHERE id = u.id LIMIT 1) AS a`
	selectPieces = `SELECT start::bigint, octet_length(whole)::bigint, substring(whole FROM start FOR $3::bigint::int)
FROM (SELECT payload || ''::bytea AS whole FROM %s
    WHERE id = $1::bigint AND octet_length(payload) <= $2::bigint OFFSET 0) AS b,
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

// GetUpTo implements storage.Sizer. It takes one round trip for all bodies that fit into one piece, and one
// more for each larger body.
func (s *Store) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	if s.err != nil || len(ids) == 0 {
		return nil, s.err
	}
	all, err := retry(ctx, s.pool.IsBroken, func() ([]storage.Found, error) {
		return s.getSmall(ctx, ids, min(limit, pieceSize))
	})
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if all[i].Size > pieceSize && all[i].Size <= limit {
			all[i], err = retry(ctx, s.pool.IsBroken, func() (storage.Found, error) {
				return s.getLarge(ctx, id, limit)
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// getSmall reads bodies of up to limit bytes, and the sizes of the others.
func (s *Store) getSmall(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = "0" // no row has this id
		if _, ok := parseID(id); ok {
			keys[i] = id
		}
	}
	all := make([]storage.Found, len(ids))
	for i := range all {
		all[i].Size = storage.NotFound
	}
	args := []any{"{" + strings.Join(keys, ",") + "}", int64(limit)}
	err := s.pool.Rows(ctx, s.selectBodies, args, func(n, size int64, bytes []byte) error {
		if n < 1 || n > int64(len(all)) || (bytes == nil) != (size > int64(limit)) {
			return s.unexpectedRow()
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

// getLarge reads a body in pieces into one buffer.
func (s *Store) getLarge(ctx context.Context, id string, limit int) (storage.Found, error) {
	key, _ := parseID(id)
	body := storage.Found{Size: storage.NotFound}
	missing := 0
	args := []any{key, int64(limit), int64(pieceSize)}
	err := s.pool.Rows(ctx, s.selectPieces, args, func(start, size int64, bytes []byte) error {
		if body.Body == nil {
			body = storage.Found{Size: int(size), Body: make([]byte, size)}
			missing = int(size)
		}
		if start < 1 || start+int64(len(bytes))-1 > int64(body.Size) {
			return s.unexpectedRow()
		}
		missing -= copy(body.Body[start-1:], bytes)
		return nil
	})
	if err == nil && missing != 0 {
		err = s.unexpectedRow()
	}
	if err != nil {
		return storage.Found{}, err
	}
	return body, nil
}

// parseID parses an id that Put has returned, the digits of a bigserial. Ids come from other nodes, so only
// digits are sent to the server. An id with a leading zero is another id, which was never issued.
func parseID(id string) (int64, bool) {
	if strings.HasPrefix(id, "0") {
		return 0, false
	}
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	key, err := strconv.ParseInt(id, 10, 64)
	return key, err == nil && key > 0
}

func (s *Store) unexpectedRow() error {
	return fmt.Errorf("postgres: SELECT FROM %s returned a row that was not requested", s.name)
}

var _ storage.Sizer = (*Store)(nil)
