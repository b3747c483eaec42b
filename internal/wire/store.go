package wire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/storage"
)

// Store is the part of a storage.Store that writes.
type Store interface {
	Put(ctx context.Context, body []byte) (id string, err error)
}

// batchStore is the part of a storage.Batch that writes.
type batchStore interface {
	PutAll(ctx context.Context, bodies [][]byte) (ids []string, err error)
}

// retainer is the part of a storage.Retainer that writes.
type retainer interface {
	PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) (ids []string, err error)
}

var (
	_ batchStore = storage.Batch(nil)
	_ retainer   = storage.Retainer(nil)
)

// Attachments are stored in several concurrent round trips. If the store can write many attachments in one
// round trip, fewer run at the same time. Each round trip takes a connection of the store; database/sql keeps
// two by default.
const (
	putSingles   = 4
	putBatches   = 2
	putManyItems = 1024
	putManyBytes = 512 << 10
)

// together returns how many of n bodies are stored in one round trip. size returns the size of a body.
func together(store Store, n int, size func(i int) int) int {
	if _, ok := store.(batchStore); !ok {
		return min(n, 1)
	}
	bytes := 0
	for i := range min(n, putManyItems) {
		if bytes += size(i); i > 0 && bytes > putManyBytes {
			return i
		}
	}
	return min(n, putManyItems)
}

// putTogether stores bodies in one round trip, and keeps them for the given time at least if store can do so. It
// returns an error if the store panics or ends its goroutine.
func putTogether(ctx context.Context, store Store, bodies [][]byte, keep time.Duration) (ids []string, err error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if fault := guard.Isolate(func() { ids, err = put(ctx, store, bodies, keep) }); fault != nil {
		return nil, fault
	}
	return ids, guard.Error(err)
}

func put(ctx context.Context, store Store, bodies [][]byte, keep time.Duration) (ids []string, err error) {
	if r, ok := store.(retainer); ok && keep > 0 {
		ids, err = r.PutFor(ctx, bodies, keep)
	} else if len(bodies) == 1 {
		ids = make([]string, 1)
		ids[0], err = store.Put(ctx, bodies[0])
	} else {
		ids, err = store.(batchStore).PutAll(ctx, bodies)
	}
	if err != nil {
		return nil, err
	}
	if len(ids) != len(bodies) || slices.Contains(ids, "") {
		return nil, fmt.Errorf("backplane: the store returned %d ids for %d attachments, or an empty id",
			len(ids), len(bodies))
	}
	return ids, nil
}

// keepFor returns how long the bodies of messages that are stored together are kept at least: as long as one of them
// needs.
func (w *Wire) keepFor(n int, message func(i int) *Outgoing) time.Duration {
	for i := range n {
		if message(i).Keep {
			return w.retention
		}
	}
	return 0
}

// putAll stores bodies in one round trip, or one by one if the store refuses them together.
func putAll(ctx context.Context, store Store, bodies [][]byte, keep time.Duration) (ids []string, errs []error) {
	errs = make([]error, len(bodies))
	together, err := putTogether(ctx, store, bodies, keep)
	if err == nil {
		return together, errs
	}
	ids = make([]string, len(bodies))
	for i := range bodies {
		if len(bodies) > 1 && ctx.Err() == nil {
			var one []string
			if one, err = putTogether(ctx, store, bodies[i:i+1], keep); err == nil {
				ids[i] = one[0]
			}
		}
		errs[i] = err
		if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
			errs[i] = cause // err is only a consequence of it
		}
	}
	return ids, errs
}

// storeBodies stores the bodies of batch in a transaction, one round trip at a time. It stops at the first error and
// returns it, because the error has ended the transaction.
func (s *Sender) storeBodies(ctx context.Context, batch []*Outgoing) error {
	var todo []*Outgoing
	for _, o := range batch {
		if o.toStore {
			todo = append(todo, o)
		}
	}
	for len(todo) > 0 {
		some := todo[:together(s.Store, len(todo), func(i int) int { return todo[i].Size() })]
		todo = todo[len(some):]
		bodies := make([][]byte, len(some))
		for i, o := range some {
			bodies[i] = *o.buf
		}
		keep := s.Wire.keepFor(len(some), func(i int) *Outgoing { return some[i] })
		ids, err := putTogether(ctx, s.Store, bodies, keep)
		if err != nil {
			return err
		}
		for i, o := range some {
			if s.Wire.refer(o, ids[i], nil); o.Err != nil {
				return o.Err
			}
		}
	}
	return nil
}

// refer replaces the body of o with a reference to it. If the body was not stored (err), it sets o.Err.
func (w *Wire) refer(o *Outgoing, id string, err error) {
	if err == nil {
		if cap(*o.buf) > keepBuffer { // a reference must not keep such a large buffer
			o.buf = buffers.Get().(*[]byte)
		}
		*o.buf, err = w.Reference(w.reserve((*o.buf)[:0]), o.Env, id)
	}
	if err != nil {
		o.Err = storeError(o, err)
		return
	}
	w.seal(o.Channel, *o.buf)
	o.toStore = false
}

func storeError(o *Outgoing, err error) error {
	return &fault.OpError{Op: "store attachment", Channel: o.Channel, Err: err}
}
