package worker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database is the URL of the database of a run.
type Database string

// databaseTimeout limits connecting and each call of Exec.
const databaseTimeout = 5 * time.Second

// Connect opens a connection.
func (d Database) Connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	return pgx.Connect(ctx, string(d))
}

// Exec runs SQL statements one after the other, on a new connection.
func (d Database) Exec(ctx context.Context, sql string) error {
	conn, err := d.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	for statement := range strings.SplitSeq(sql, ";") {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Count returns the result of a query for a number, or unknown if the server cannot be asked.
func (d Database) Count(ctx context.Context, query string, unknown int) (n int) {
	conn, err := d.Connect(ctx)
	if err != nil {
		return unknown
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
		return unknown
	}
	return n
}
