package pgxdriver

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// InTx returns a sender that publishes in tx, which may be a savepoint (tx.Begin), with the default options.
func InTx(tx pgx.Tx) *postgres.Tx { return InTxWithConfig(tx, postgres.Config{}) }

// InTxWithConfig is InTx with options, of which only Table and LogTable apply.
func InTxWithConfig(tx pgx.Tx, config postgres.Config) *postgres.Tx {
	return postgres.NewTx(engine.NewTx(txQuerier{tx}, config))
}

// InTx returns a sender that publishes in tx and uses the tables of d.
func (d *Driver) InTx(tx pgx.Tx) *postgres.Tx { return postgres.NewTx(d.store.InTx(txQuerier{tx})) }

// txQuerier is a transaction of the caller.
type txQuerier struct{ tx pgx.Tx }

var _ engine.Querier = txQuerier{}

func (q txQuerier) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	return found(q.tx.QueryRow(ctx, statement, args...).Scan(dest...))
}

func (q txQuerier) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := q.tx.Exec(ctx, statement, args...)
	return err
}

func (txQuerier) Bytes(p []byte) (string, any) { return binaryBytes(p) }

// found reports whether a query returned a row, given the error of Scan.
func found(err error) (bool, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// binaryBytes passes bytes in binary format.
func binaryBytes(p []byte) (expression string, arg any) { return "$1::bytea", p }
