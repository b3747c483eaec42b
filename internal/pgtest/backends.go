package pgtest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Conditions on pg_stat_activity for the backends that listen or publish. They are recognized by the
// application_name that the drivers set, or by their last statement if a test has set another name.
const (
	Listeners  = "(application_name = 'backplane listen' OR query LIKE 'LISTEN%' OR query LIKE 'UNLISTEN%')"
	Publishers = "(application_name = 'backplane publish' OR query LIKE '%pg_notify%')"
)

// Backends returns the number of connections to a database that meet a condition on pg_stat_activity, without
// its own.
func Backends(tb testing.TB, database, condition string) int {
	tb.Helper()
	return QueryInt(tb, database, "SELECT count(*) FROM pg_stat_activity "+
		"WHERE pid <> pg_backend_pid() AND datname = current_database() AND "+condition)
}

// KillListeners terminates the backends that listen, like an operator or a failover. It returns their number
// when they are gone.
func KillListeners(tb testing.TB, database string) int {
	tb.Helper()
	return Kill(tb, database, Listeners)
}

// KillPublishers terminates the backends that publish. It returns their number when they are gone.
func KillPublishers(tb testing.TB, database string) int {
	tb.Helper()
	return Kill(tb, database, Publishers)
}

// Kill terminates the backends that meet a condition on pg_stat_activity. It returns their number when they are
// gone.
func Kill(tb testing.TB, database, condition string) int {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		tb.Fatalf("pgtest: connecting: %v", err)
	}
	defer conn.Close(ctx)
	rows, _ := conn.Query(ctx, "SELECT pid FROM pg_stat_activity "+
		"WHERE pid <> pg_backend_pid() AND datname = current_database() AND "+condition)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		tb.Fatalf("pgtest: listing backends: %v", err)
	}
	for {
		var left int
		const terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = ANY($1)"
		if err := conn.QueryRow(ctx, terminate, pids).Scan(&left); err != nil {
			tb.Fatalf("pgtest: terminating backends: %v", err)
		}
		if left == 0 {
			return len(pids)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
