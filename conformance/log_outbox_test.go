package conformance_test

import (
	"context"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// outbox is a correct outbox.
type outbox struct {
	log    transport.Appender
	moving chan struct{} // holds one element while a goroutine moves

	mu        sync.Mutex
	committed [][]transport.Record
}

func newOutbox(log transport.Appender) *outbox {
	return &outbox{log: log, moving: make(chan struct{}, 1)}
}

// transaction is a transaction that appends to an outbox.
type transaction struct {
	transport.Appender
	appended []transport.Record
}

func (tx *transaction) Append(ctx context.Context, records []transport.Record) error {
	for _, r := range records {
		r.Payload = slices.Clone(r.Payload)
		tx.appended = append(tx.appended, r)
	}
	return ctx.Err()
}

func (o *outbox) begin() conformance.LogTransaction {
	tx := &transaction{Appender: o.log}
	return conformance.LogTransaction{
		Appender: tx,
		Commit: func(ctx context.Context) error {
			o.commit(tx.appended)
			return ctx.Err()
		},
		Rollback: func(ctx context.Context) error { return ctx.Err() },
	}
}

func (o *outbox) commit(records []transport.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.committed = append(o.committed, records)
}

// first returns the oldest committed records, and whether there are more.
func (o *outbox) first() (records []transport.Record, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.committed) == 0 {
		return nil, false
	}
	return o.committed[0], len(o.committed) > 1
}

func (o *outbox) removeFirst() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.committed = o.committed[1:]
}

func (o *outbox) move(ctx context.Context) (moved int, more bool, err error) {
	select {
	case o.moving <- struct{}{}:
	default:
		return 0, false, ctx.Err()
	}
	defer func() { <-o.moving }()
	records, more := o.first()
	if err := o.log.Append(ctx, records); err != nil || len(records) == 0 {
		if err == nil {
			_, err = o.log.(transport.Log).Bounds(ctx, "x") // notices an outage
		}
		return 0, false, err
	}
	o.removeFirst()
	return len(records), more, nil
}
