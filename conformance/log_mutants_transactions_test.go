package conformance_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// transactions returns a mutant with another outbox.
func transactions(check, bug string, change func(m *logMedium, o *outbox)) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) { change(m, m.outbox) })
}

var logTransactionMutants = []mutant[conformance.LogHarness]{
	transactions("TransactionsKeepTheOrder", "keeps what was rolled back", func(m *logMedium, o *outbox) {
		m.begin = func() conformance.LogTransaction {
			tx := o.begin()
			tx.Rollback = tx.Commit
			return tx
		}
	}),
	transactions("TransactionsKeepTheOrder", "appends before the commit", func(m *logMedium, o *outbox) {
		m.begin = func() conformance.LogTransaction {
			tx := o.begin()
			tx.Appender = m.Hub
			nothing := func(context.Context) error { return nil }
			tx.Commit, tx.Rollback = nothing, nothing
			return tx
		}
	}),
	transactions("TransactionsKeepTheOrder", "reverses the messages of a transaction", func(m *logMedium, o *outbox) {
		m.moveOutbox = func(ctx context.Context) (int, bool, error) {
			o.mu.Lock()
			for _, records := range o.committed {
				if len(records) > 1 && string(records[0].Payload) < string(records[1].Payload) {
					slices.Reverse(records)
				}
			}
			o.mu.Unlock()
			return o.move(ctx)
		}
	}),
	transactions("TransactionsKeepTheOrder", "delivers the messages of transactions without keeping them",
		func(m *logMedium, o *outbox) {
			o.log = appenderFunc{m.Hub, func(ctx context.Context, records []transport.Record) error {
				for i := range records {
					records[i].Keep = false
				}
				return m.Hub.Append(ctx, records)
			}}
		}),
	transactions("TransactionsKeepTheOrder", "gives the messages of transactions the offsets of their beginning",
		func(m *logMedium, o *outbox) {
			var mu sync.Mutex
			moved := make(map[transport.Offset]bool)
			o.log = appenderFunc{m.Hub, func(ctx context.Context, records []transport.Record) error {
				err := m.Hub.Append(ctx, records)
				mu.Lock()
				defer mu.Unlock()
				for _, r := range records {
					moved[r.Offset] = r.Keep
				}
				return err
			}}
			m.replay = func(
				ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
			) ([]transport.Record, error) { // whoever has read a later message does not see them
				records, err := m.Hub.Replay(ctx, ch, after, l)
				mu.Lock()
				defer mu.Unlock()
				if l.Records > 0 {
					records = slices.DeleteFunc(records, func(r transport.Record) bool { return moved[r.Offset] })
					records = relink(records, after.Offset)
				}
				return records, err
			}
		}),

	transactions("TransactionsDelayNobody", "holds a lock until the transaction ends", func(m *logMedium, o *outbox) {
		lock := make(chan struct{}, 1)
		m.append = func(ctx context.Context, records []transport.Record) error {
			select {
			case lock <- struct{}{}:
				defer func() { <-lock }()
				return m.Hub.Append(ctx, records)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		m.begin = func() conformance.LogTransaction {
			tx := o.begin()
			holds := false
			inner := tx.Appender
			tx.Appender = appenderFunc{m.Hub, func(ctx context.Context, records []transport.Record) error {
				if !holds {
					select {
					case lock <- struct{}{}:
						holds = true
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				return inner.Append(ctx, records)
			}}
			release := func(end func(context.Context) error) func(context.Context) error {
				return func(ctx context.Context) error {
					if holds {
						holds = false
						<-lock
					}
					return end(ctx)
				}
			}
			tx.Commit, tx.Rollback = release(tx.Commit), release(tx.Rollback)
			return tx
		}
	}),
	transactions("TransactionsDelayNobody", "waits for older transactions", func(m *logMedium, o *outbox) {
		var mu sync.Mutex
		open := make(map[int]bool)
		begun := 0
		m.begin = func() conformance.LogTransaction {
			mu.Lock()
			defer mu.Unlock()
			tx, n := o.begin(), begun
			begun++
			open[n] = true
			end := func(f func(context.Context) error) func(context.Context) error {
				return func(ctx context.Context) error {
					mu.Lock()
					delete(open, n)
					mu.Unlock()
					return f(ctx)
				}
			}
			tx.Commit, tx.Rollback = end(tx.Commit), end(tx.Rollback)
			return tx
		}
		m.moveOutbox = func(ctx context.Context) (int, bool, error) {
			mu.Lock()
			wait := len(open) > 0
			mu.Unlock()
			if wait {
				return 0, false, ctx.Err()
			}
			return o.move(ctx)
		}
	}),

	transactions("OutboxIsMovedOnce", "moves on several nodes at once", func(m *logMedium, o *outbox) {
		m.moveOutbox = func(ctx context.Context) (int, bool, error) {
			records, more := o.first()
			if len(records) == 0 {
				return 0, false, ctx.Err()
			}
			time.Sleep(time.Microsecond)
			if err := m.Hub.Append(ctx, slices.Clone(records)); err != nil {
				return 0, false, err
			}
			o.mu.Lock()
			o.committed = slices.DeleteFunc(o.committed, func(other []transport.Record) bool {
				return &other[0] == &records[0]
			})
			o.mu.Unlock()
			return len(records), more, nil
		}
	}),
	transactions("OutboxIsMovedOnce", "counts transactions", func(m *logMedium, o *outbox) {
		m.moveOutbox = func(ctx context.Context) (int, bool, error) {
			n, more, err := o.move(ctx)
			return min(n, 1), more, err
		}
	}),
	transactions("OutboxIsMovedOnce", "never says that more are waiting", func(m *logMedium, o *outbox) {
		m.moveOutbox = func(ctx context.Context) (int, bool, error) {
			n, _, err := o.move(ctx)
			return n, false, err
		}
	}),
	transactions("OutboxIsMovedOnce", "moves the latest transaction first", func(m *logMedium, o *outbox) {
		m.moveOutbox = func(ctx context.Context) (int, bool, error) {
			o.mu.Lock()
			slices.Reverse(o.committed)
			o.mu.Unlock()
			return o.move(ctx)
		}
	}),
}

// appenderFunc is a log whose Append is another.
type appenderFunc struct {
	transport.Log
	append func(ctx context.Context, records []transport.Record) error
}

func (a appenderFunc) Append(ctx context.Context, records []transport.Record) error {
	return a.append(ctx, records)
}
