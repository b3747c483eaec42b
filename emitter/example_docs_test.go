package emitter_test

import (
	"context"
	"database/sql"
	"errors"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
)

// The code of docs/howto/emit-from-outside.md. TestCodeInTheDocumentsIsTested runs it if there is a PostgreSQL server.

type order struct {
	ID   int
	Room string
}

func cheatSheet(ctx context.Context, pool *pgxpool.Pool, socketID string) error {
	e, err := emitter.New(emitter.Config{Bus: pgxdriver.New(pool)})
	if err != nil {
		return err
	}

	return errors.Join(
		// to all clients
		e.Emit(ctx, "hello", 1, "2", map[string]any{"3": []byte{4}}),
		// to the clients in at least one of several rooms; a socket is in the room of its id
		e.To("room1").Emit(ctx, "hello"),
		e.To("room1", "room2").Emit(ctx, "hello"),
		e.To(socketID).Emit(ctx, "hello"),
		// to all but those in a room
		e.To("room1").Except("room2").Emit(ctx, "hello"),
		// in a namespace; "admin" is "/admin"
		e.Of("/admin").To("room1").Emit(ctx, "hello"),
		// may be lost, need not be compressed
		e.Volatile().Compress(false).Emit(ctx, "tick"),

		// join, leave, disconnect: all, those in a room, one
		e.SocketsJoin(ctx, "room1"),
		e.In("room1").SocketsJoin(ctx, "room2", "room3"),
		e.In(socketID).SocketsLeave(ctx, "room1"),
		e.Of("/admin").In("room1").DisconnectSockets(ctx, true),

		// to the servers
		e.ServerSideEmit(ctx, "rehash", 1),
	)
}

func sendKept(ctx context.Context, pool *pgxpool.Pool) error {
	e, err := emitter.New(emitter.Config{Bus: pgxdriver.New(pool), Log: &emitter.LogConfig{}})
	if err != nil {
		return err
	}
	return e.To("orders").Emit(ctx, "order.created", 1)
}

// Many messages in one round trip.
func ExampleEmitter_Batch() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	e, err := emitter.New(emitter.Config{Bus: pgxdriver.New(pool)})
	if err != nil {
		panic(err)
	}
	if err := sendOrders(ctx, e, []order{{1, "room1"}, {2, "room2"}}); err != nil {
		panic(err)
	}
}

func sendOrders(ctx context.Context, e *emitter.Emitter, orders []order) error {
	batch := e.Batch()
	for _, order := range orders {
		if err := batch.To(order.Room).Emit(ctx, "order", order); err != nil {
			return err // this one cannot be encoded; nothing was sent
		}
	}
	return batch.Send(ctx) // a *BatchError lists those that were not sent
}

// Insert a row and tell the room, or neither.
func ExampleEmitter_With() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	e, err := emitter.New(emitter.Config{Bus: pgxdriver.New(pool)})
	if err != nil {
		panic(err)
	}
	if err := createOrder(ctx, pool, e, order{1, "room1"}); err != nil {
		panic(err)
	}
}

func createOrder(ctx context.Context, pool *pgxpool.Pool, e *emitter.Emitter, order order) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, "INSERT INTO orders (id, room) VALUES ($1, $2)", order.ID, order.Room); err != nil {
		return err
	}
	if err := e.With(pgxdriver.InTx(tx)).To(order.Room).Emit(ctx, "order.created", order); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// The whole transaction in one round trip.
func createOrderInABatch(ctx context.Context, pool *pgxpool.Pool, e *emitter.Emitter, order order) error {
	batch := &pgx.Batch{} // a transaction of its own, unless tx.SendBatch sends it
	batch.Queue("INSERT INTO orders (id, room) VALUES ($1, $2)", order.ID, order.Room)
	if err := e.With(pgxdriver.InBatch(batch)).To(order.Room).Emit(ctx, "order.created", order); err != nil {
		return err
	}
	return pool.SendBatch(ctx, batch).Close()
}

// The same with database/sql.
func createOrderWithSQL(ctx context.Context, db *sql.DB, e *emitter.Emitter, order order) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id, room) VALUES ($1, $2)", order.ID,
		order.Room); err != nil {
		return err
	}
	if err := e.With(pqdriver.InTx(tx)).To(order.Room).Emit(ctx, "order.created", order); err != nil {
		return err
	}
	return tx.Commit()
}
