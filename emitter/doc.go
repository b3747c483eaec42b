// Package emitter sends events to the clients of a cluster from outside it: from a billing job, a cron script,
// or a request handler outside of the nodes. An Emitter sends what a node would send, to Node.js nodes and Go
// nodes alike, and receives nothing: an idle Emitter has no goroutine and no LISTEN, and there is nothing to
// close.
//
//	e, err := emitter.New(emitter.Config{Bus: pgxdriver.New(pool)})
//	…
//	err = e.Of("/chat").To("room1").Except("room2").Emit(ctx, "news", map[string]any{"id": 1})
//
// The bus, the channel prefix, the table and the codec must be those of the cluster.
//
// # Inside a transaction
//
// With returns an Emitter that sends through another bus, such as a transaction of the caller. The event reaches the
// clients when the transaction commits, and never if it does not:
//
//	err = e.With(pgxdriver.InTx(tx)).To("orders").Emit(ctx, "order.created", order)
//
// # A log
//
// If the cluster has a log, Config.Log makes it keep what the emitter sends. Nodes that were deaf and clients that come
// back then get these messages, too. In a transaction, the messages go to the outbox of the log: the transaction takes
// no lock for which others wait, and sends no notification. A node moves them into the log within about 50 ms after
// the commit.
//
// # Delivery
//
// If each call begins after the previous one has returned, the messages of an emitter arrive in the order of the
// calls. They arrive at most once. A node that does not listen at that time misses them. Calls that run at the same
// time share round trips.
//
// # Files
//
//   - emitter.go: Emitter, New and With; config.go: Config, Publisher, Store and Transaction; errors.go: the
//     errors
//   - log.go: LogConfig, and which messages are kept
//   - target.go: Target, Emit and changes of rooms; batch.go: Batch
//   - publisher.go: the queue for the bus, with the group commit of internal/groupcommit
package emitter
