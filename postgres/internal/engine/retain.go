package engine

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
)

var _ storage.Retainer = (*Store)(nil)

// PutFor implements storage.Retainer.
func (s *Store) PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
	if s.err != nil || len(bodies) == 0 {
		return nil, s.err
	}
	db := s.pool.Writer(ctx, s.name)
	ids, err := retry(ctx, s.pool.IsBroken, func() ([]string, error) {
		return s.inserter.putFor(ctx, db, bodies, keep)
	})
	if sqlState(err) == insufficientPrivilege {
		return nil, s.setup.classify(ctx, "insert into", err)
	}
	return ids, err
}

// mayRetain reports whether the role of the pool may set the time of a body, if the table $1 exists. Prepare does not
// require that, because roles that were granted their privileges by earlier versions may not.
const mayRetain = `SELECT coalesce(bool_and(has_column_privilege(attrelid, attnum, 'INSERT')), true)
FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'created_at' AND NOT attisdropped`

// PrepareRetention checks whether PutFor has the privileges that it needs.
func (s *Store) PrepareRetention(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	may, err := retry(ctx, s.pool.IsBroken, func() (may bool, err error) {
		_, err = s.pool.QueryRow(ctx, mayRetain, []any{s.name}, &may)
		return may, err
	})
	switch {
	case err != nil:
		return s.setup.classify(ctx, "inspect", err)
	case !may:
		hint := "missing: INSERT (created_at), which a log needs; " + s.setup.grantHint(ctx)
		return s.setup.failed("inspect", postgres.ErrPrivilege, nil, hint)
	}
	return nil
}
