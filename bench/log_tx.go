package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane/bench/internal/figures"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// measureTransactions compares business transactions that emit an event with the same ones that do not: one that makes
// a round trip for each statement, and one whose statements are in a batch. A node moves the events on. The limit is
// the same transaction with one more INSERT of the application in place of the event.
func measureTransactions(ctx context.Context, s settings, srv *server) ([]logFigure, error) {
	const sessions = 16
	length := 5 * time.Second
	if s.Quick {
		length = 2 * time.Second
	}
	url, err := srv.database(ctx, "transaction")
	if err != nil {
		return nil, err
	}
	server, _, err := startServer(ctx, url, s.Profiles)
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = sessions + 4
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, "CREATE TABLE orders (id bigserial PRIMARY KEY, customer int, total numeric, "+
		"note text); CREATE TABLE stock (item int PRIMARY KEY, amount bigint); "+
		"INSERT INTO stock SELECT i, 0 FROM generate_series(1, 10000) i; "+
		"CREATE TABLE notes (id bigserial, customer int, note text)"); err != nil {
		return nil, err
	}
	e, err := emitter.New(emitter.Config{Bus: pgxdriver.New(pool), Log: &emitter.LogConfig{}})
	if err != nil {
		return nil, err
	}
	var all []logFigure
	for _, form := range []struct {
		name string
		make func(business, context.Context, int) error
	}{{"", business.transaction}, {" in one batch", business.batch}} {
		committed := make([][]outcome, extras)
		for round := range s.Rounds {
			for x := range extras {
				figures.Progress("transaction%s round %d of %d, %d of %d", form.name, round+1, s.Rounds, x+1, extras)
				if err := srv.settle(ctx); err != nil {
					return nil, err
				}
				b := business{pool: pool, emitter: e, extra: x}
				perSecond, err := b.run(sessions, length, func(i int) error { return form.make(b, ctx, i) })
				if err != nil {
					return nil, err
				}
				committed[x] = append(committed[x], outcome{PerSecond: perSecond})
			}
		}
		for _, f := range []struct {
			with extra
			what string
			goal
		}{{anEvent, "an emit", goal{0.8, 0.95}}, {anInsert, "the limit, one more INSERT", goal{}}} {
			figure := logFigure{Case: "transaction", Unit: "×", goal: f.goal,
				About: fmt.Sprintf("commits/s of %d sessions with %s in each transaction%s, beside the same without",
					sessions, f.what, form.name)}
			figure.compare(committed[nothing], committed[f.with], perSecond)
			all = append(all, figure)
		}
	}
	return all, nil
}

// extra is what a transaction does in addition.
type extra int

const (
	nothing extra = iota
	anEvent
	anInsert
	extras
)

// business makes transactions.
type business struct {
	pool    *pgxpool.Pool
	emitter *emitter.Emitter
	extra   extra
}

// run makes transactions in sessions for a while and returns how many were committed per second.
func (b business) run(sessions int, length time.Duration, transaction func(i int) error) (float64, error) {
	var committed atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, sessions)
	start := time.Now()
	for session := range sessions {
		group.Go(func() {
			for i := session; time.Since(start) < length && errs[session] == nil; i += sessions {
				errs[session] = transaction(i)
				committed.Add(1)
			}
		})
	}
	group.Wait()
	return float64(committed.Load()) / time.Since(start).Seconds(), errors.Join(errs...)
}

// The statements of a transaction.
const (
	insertOrder = "INSERT INTO orders (customer, total, note) VALUES ($1, $2, $3)"
	updateStock = "UPDATE stock SET amount = amount + 1 WHERE item = $1"
	insertNote  = "INSERT INTO notes (customer, note) VALUES ($1, $2)"
)

func (b business) transaction(ctx context.Context, i int) error {
	tx, err := b.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, insertOrder, i%1000, i%500, padding[:200]); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, updateStock, 1+i*7919%10000); err != nil {
		return err
	}
	switch b.extra {
	case anEvent:
		err = b.emitOrder(ctx, pgxdriver.InTx(tx), i)
	case anInsert:
		_, err = tx.Exec(ctx, insertNote, i%1000, padding[:200])
	}
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// batch is transaction with all statements in one round trip.
func (b business) batch(ctx context.Context, i int) error {
	batch := &pgx.Batch{}
	batch.Queue(insertOrder, i%1000, i%500, padding[:200])
	batch.Queue(updateStock, 1+i*7919%10000)
	switch b.extra {
	case anEvent:
		if err := b.emitOrder(ctx, pgxdriver.InBatch(batch), i); err != nil {
			return err
		}
	case anInsert:
		batch.Queue(insertNote, i%1000, padding[:200])
	}
	return b.pool.SendBatch(ctx, batch).Close()
}

func (b business) emitOrder(ctx context.Context, in emitter.Publisher, i int) error {
	return b.emitter.With(in).To("orders").Emit(ctx, "order", map[string]any{"id": i, "total": i % 500})
}
