package pqdriver

import (
	"context"
	"database/sql"
	"errors"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// InTx returns a sender that publishes in tx, a transaction of lib/pq, with the default options.
func InTx(tx *sql.Tx) *postgres.Tx { return InTxWithConfig(tx, postgres.Config{}) }

// InTxWithConfig is InTx with options, of which only Table and LogTable apply.
func InTxWithConfig(tx *sql.Tx, config postgres.Config) *postgres.Tx {
	return postgres.NewTx(engine.NewTx(txQuerier{tx}, config))
}

// InTx returns a sender that publishes in tx and uses the tables of d.
func (d *Driver) InTx(tx *sql.Tx) *postgres.Tx { return postgres.NewTx(d.store.InTx(txQuerier{tx})) }

// txQuerier is a transaction of the caller. Unlike those of pool, its methods never return before database/sql
// does: the caller must not use a transaction that is still in use.
type txQuerier struct{ tx *sql.Tx }

var _ engine.Querier = txQuerier{}

func (q txQuerier) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	return found(q.tx.QueryRowContext(ctx, statement, args...).Scan(dest...))
}

func (q txQuerier) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := q.tx.ExecContext(ctx, statement, args...)
	return err
}

func (txQuerier) Bytes(p []byte) (string, any) { return base64Bytes(p) }

// found reports whether a query returned a row, given the error of Scan.
func found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
