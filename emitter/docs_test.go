package emitter_test

import (
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/transport"
)

// TestCodeInTheDocumentsIsTested runs the code that docs/howto/emit-from-outside.md shows.
func TestCodeInTheDocumentsIsTested(t *testing.T) {
	w := kinds[2].open(t) // pgx
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	defer pool.Close()
	db, err := sql.Open("postgres", w.url)
	require.NoError(t, err)
	defer db.Close()
	pgtest.Exec(t, w.url, "CREATE TABLE orders (id int PRIMARY KEY, room text)")
	a := w.audience(t)
	one, two := a.join("room1"), a.join("room2")
	ctx := within(t)

	require.NoError(t, createOrder(ctx, pool, a.emitter, order{1, "room1"}))
	require.Error(t, createOrder(ctx, pool, a.emitter, order{1, "room1"}), "the row exists already")
	require.NoError(t, createOrderInABatch(ctx, pool, a.emitter, order{3, "room1"}))
	require.Error(t, createOrderInABatch(ctx, pool, a.emitter, order{3, "room1"}), "the row exists already")
	require.NoError(t, createOrderWithSQL(ctx, db, a.emitter, order{2, "room1"}))
	require.Error(t, createOrderWithSQL(ctx, db, a.emitter, order{2, "room1"}), "the row exists already")
	one.expect(`["order.created",{"ID":1,"Room":"room1"}]`, `["order.created",{"ID":3,"Room":"room1"}]`,
		`["order.created",{"ID":2,"Room":"room1"}]`)
	require.NoError(t, sendOrders(ctx, a.emitter, []order{{3, "room1"}, {4, "room2"}}))
	one.expect(`["order",{"ID":3,"Room":"room1"}]`)
	two.expect(`["order",{"ID":4,"Room":"room2"}]`)
	a.fence(one, two)
	require.NoError(t, w.bus.(transport.LogPreparer).PrepareLog(ctx))
	orders := a.join("orders")
	require.NoError(t, sendKept(ctx, pool))
	orders.expect(`["order.created",1]`)
	require.NoError(t, cheatSheet(ctx, pool, one.ID()))
	require.Equal(t, `["rehash",1]`, <-a.server)
}
