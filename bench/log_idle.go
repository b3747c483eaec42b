package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/bench/internal/figures"
	"github.com/backplane-go/backplane/bench/internal/roaming"
)

// measureIdle counts the rows that an idle cluster of two nodes with ten clients writes.
func measureIdle(ctx context.Context, s settings, srv *server) ([]logFigure, error) {
	length := time.Minute
	if s.Quick {
		length = 20 * time.Second
	}
	url, err := srv.database(ctx, "idle")
	if err != nil {
		return nil, err
	}
	var addresses []string
	for range 2 {
		w, address, err := startServer(ctx, url, s.Profiles)
		if err != nil {
			return nil, err
		}
		defer w.Stop()
		addresses = append(addresses, address)
	}
	clients := make([]roaming.Client, 10)
	defer func() {
		for i := range clients {
			clients[i].Close()
		}
	}()
	failed := each(clients, func(i int, c *roaming.Client) error { return c.Connect(addresses[i%2], 0) })
	if failed.first != nil {
		return nil, failed.first
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	// Sessions of the server report their statistics within ten seconds after their last statement.
	const settle = 12 * time.Second
	figures.Progress("idle: %v", length+2*settle)
	time.Sleep(settle)
	rows, wal, err := written(ctx, conn)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	time.Sleep(length)
	time.Sleep(settle) // what is written now counts too
	rows2, wal2, err := written(ctx, conn)
	if err != nil {
		return nil, err
	}
	minutes := time.Since(start).Minutes()
	return []logFigure{{Case: "idle", Unit: "rows/min", goal: goal{20, 0}, Less: true,
		About:  "rows that an idle cluster of 2 nodes with 10 clients writes",
		Figure: float64(rows2-rows) / minutes,
		Remark: fmt.Sprintf("%.0f bytes of WAL per minute on the whole server", float64(wal2-wal)/minutes)}}, nil
}

// written returns the number of rows that were written in this database, and the position of the write-ahead log.
func written(ctx context.Context, conn *pgx.Conn) (rows, wal int64, err error) {
	err = conn.QueryRow(ctx, `SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint,
		(pg_current_wal_lsn() - '0/0')::bigint FROM pg_stat_user_tables`).Scan(&rows, &wal)
	return rows, wal, err
}
