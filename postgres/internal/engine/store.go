package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/postgres"
)

// Store is the storage.Store of both drivers.
type Store struct {
	*Sessions
	*Outbox

	tx *Tx // without a database: what all transactions share

	setup        setup
	pool         Pool
	table        string // as configured
	name         string // the table as it is written in SQL
	owner        string // a role that may also own the table
	noAutoCreate bool
	err          error // of the table's name
	inserter     *inserter

	selectBodies, selectPieces, deleteExpired string
}

// NewStore returns a store on pool. It does no I/O.
func NewStore(pool Pool, config postgres.Config) *Store {
	s := &Store{Sessions: newSessions(pool, config), Outbox: newOutbox(pool, config), tx: NewTx(nil, config),
		pool: pool, table: tableOf(config), noAutoCreate: config.NoAutoCreate, owner: config.TableOwner}
	s.setup = setup{pool: pool, table: s.table, grants: postgres.Grants}
	s.name, s.err = postgres.QuoteTable(s.table)
	s.inserter = newInserter(s.name, config.DurableAttachments)
	s.selectBodies = fmt.Sprintf(selectBodies, s.name)
	s.selectPieces = fmt.Sprintf(selectPieces, s.name)
	s.deleteExpired = "DELETE FROM " + s.name + " WHERE created_at < now() - make_interval(secs => $1)"
	return s
}

func tableOf(config postgres.Config) string {
	if config.Table == "" {
		return postgres.DefaultTable
	}
	return config.Table
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, body []byte) (string, error) {
	if s.err != nil {
		return "", s.err
	}
	db := s.pool.Writer(ctx, s.name)
	return retry(ctx, s.pool.IsBroken, func() (string, error) { return s.inserter.put(ctx, db, body) })
}

// PutAll implements storage.Batch.
func (s *Store) PutAll(ctx context.Context, bodies [][]byte) ([]string, error) {
	if s.err != nil || len(bodies) == 0 {
		return nil, s.err
	}
	db := s.pool.Writer(ctx, s.name)
	return retry(ctx, s.pool.IsBroken, func() ([]string, error) { return s.inserter.putAll(ctx, db, bodies) })
}

// Expire implements storage.Store.
func (s *Store) Expire(ctx context.Context, age time.Duration) error {
	if s.err != nil {
		return s.err
	}
	return s.retry(ctx, func() error { return s.pool.Exec(ctx, s.deleteExpired, age.Seconds()) })
}

// maxAttempts is the maximum number of attempts of a call that finds its connection gone. All idle connections
// may have been ended at the same moment, so a second attempt is not enough.
const maxAttempts = 5

// MayRetry reports whether another attempt is worthwhile after the given number of attempts.
func MayRetry(ctx context.Context, attempts int) bool {
	return attempts < maxAttempts && ctx.Err() == nil
}

// retry makes a call, and repeats it if the connection was gone or broke. It is safe to repeat any call of a
// store: if a body is stored twice, no message refers to the first row, and Expire removes it.
func retry[T any](ctx context.Context, isBroken func(error) bool, call func() (T, error)) (T, error) {
	for attempts := 1; ; attempts++ {
		result, err := call()
		if err == nil {
			return result, nil
		}
		var none T
		if ended := contextError(ctx); ended != nil && !errors.Is(err, ended) {
			return none, errors.Join(ended, err)
		}
		if !MayRetry(ctx, attempts) || !isBroken(err) {
			return none, err
		}
	}
}

// retry calls the function retry for a call without a result.
func (s *Store) retry(ctx context.Context, call func() error) error {
	_, err := retry(ctx, s.pool.IsBroken, func() (struct{}, error) { return struct{}{}, call() })
	return err
}
