package emitter_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// BenchmarkTransactions measures transactions of 16 sessions that update a row of their own and insert one: as they
// are, with an event that is notified of at the commit, and with an event that goes to the outbox of a log, while a
// node moves the outbox. The variants take turns. The metrics are medians: commits per second, and ratios to the
// transactions without an event. An iteration is one turn of each variant; use -benchtime=3x.
func BenchmarkTransactions(b *testing.B) {
	database := pgtest.Database(b)
	config, err := pgxpool.ParseConfig(database)
	require.NoError(b, err)
	const sessions, turn = 16, 2 * time.Second
	config.MaxConns = sessions + 4
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	defer pool.Close()
	pgtest.Exec(b, database, "CREATE TABLE accounts (id int PRIMARY KEY, amount bigint); "+
		"INSERT INTO accounts SELECT i, 0 FROM generate_series(1, 16) i; "+
		"CREATE TABLE entries (id bigserial PRIMARY KEY, account int, note text)")
	d := pgxdriver.New(pool)
	defer d.Close(context.Background())
	require.NoError(b, d.PrepareLog(within(b)))
	var moving sync.WaitGroup
	stop := make(chan struct{})
	moving.Go(func() {
		for {
			_, more, err := d.MoveOutbox(context.Background())
			if err != nil {
				b.Error(err)
			}
			wait := 50 * time.Millisecond // as nodes do
			if more {
				wait = 0
			}
			select {
			case <-stop:
				return
			case <-time.After(wait):
			}
		}
	})
	plain, err := emitter.New(emitter.Config{Bus: d})
	require.NoError(b, err)
	logged, err := emitter.New(emitter.Config{Bus: d, Log: &emitter.LogConfig{}})
	require.NoError(b, err)

	transaction := func(session, n int, e *emitter.Emitter) error {
		ctx := context.Background()
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE accounts SET amount = amount + $2 WHERE id = $1", session+1, n)
			if err == nil {
				_, err = tx.Exec(ctx, "INSERT INTO entries (account, note) VALUES ($1, $2)", session+1, "a note")
			}
			if err == nil && e != nil {
				err = e.With(d.InTx(tx)).To(fmt.Sprint("account ", session)).Emit(ctx, "booked", session, n)
			}
			return err
		})
	}
	run := func(e *emitter.Emitter) float64 {
		var committed atomic.Int64
		var working sync.WaitGroup
		start := time.Now()
		for session := range sessions {
			working.Go(func() {
				for n := 0; time.Since(start) < turn; n++ {
					if err := transaction(session, n, e); err != nil {
						b.Error(err)
						return
					}
					committed.Add(1)
				}
			})
		}
		working.Wait()
		return float64(committed.Load()) / time.Since(start).Seconds()
	}
	variants := []*emitter.Emitter{nil, plain, logged}
	results := make([][]float64, len(variants))
	for b.Loop() {
		for i, e := range variants {
			results[i] = append(results[i], run(e))
		}
	}
	close(stop)
	moving.Wait()
	median := func(of []float64) float64 {
		slices.Sort(of)
		return of[len(of)/2]
	}
	without, notified, outbox := median(results[0]), median(results[1]), median(results[2])
	b.ReportMetric(without, "commits/s")
	b.ReportMetric(notified/without, "notified/plain")
	b.ReportMetric(outbox/without, "outbox/plain")
}
