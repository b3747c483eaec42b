// Package emitter reaches the clients of a cluster from outside it: from a billing job, a cron script, or a request
// handler that is no node. An Emitter sends what a node would, to Node.js's nodes and ours alike, and receives
// nothing: it has no goroutine, no LISTEN and nothing to close.
//
//	e, err := emitter.New(emitter.Config{Bus: pgxdriver.New(pool)})
//	…
//	err = e.Of("/chat").To("room1").Except("room2").Emit(ctx, "news", map[string]any{"id": 1})
//
// The bus is any that a cluster runs on; prefix, table and codec must be the cluster's.
//
// # Inside a transaction
//
// With sends through another bus, above all through a transaction of the caller's. The event then reaches the clients
// when the transaction commits, and never if it does not:
//
//	err = e.With(pgxdriver.InTx(tx)).To("orders").Emit(ctx, "order.created", order)
//
// # Delivery
//
// Messages of one emitter arrive in the order of the calls, where each call begins after the one before has returned.
// They arrive at most once, and are lost to a node that does not listen at that time. Calls that run at the same time
// share round trips.
package emitter
