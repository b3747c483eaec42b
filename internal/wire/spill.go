package wire

import (
	"context"
	"fmt"
	"sync"

	"github.com/backplane-go/backplane/storage"
)

// Store is the part of a storage.Store that sends.
type Store interface {
	Put(ctx context.Context, body []byte) (id string, err error)
}

// batchStore is the part of a storage.Batch that sends.
type batchStore interface {
	PutAll(ctx context.Context, bodies [][]byte) (ids []string, err error)
}

var _ batchStore = storage.Batch(nil)

// Attachments of one batch are stored in so many round trips at the same time, or, if the store can take many in one, in
// fewer and with so many bytes in each. Each takes a connection of the store; database/sql keeps two by default.
const (
	putConcurrency  = 4
	putManyTogether = 2
	putManyBytes    = 512 << 10
)

// spill puts the bodies of the messages that need it into the store and replaces them by references. What was not stored in time is
// given up: a store that does not answer leaves time to publish the messages that need no store.
func (s *Sender) spill(ctx context.Context, batch []*Outgoing) {
	todo := make([]*Outgoing, 0, len(batch))
	for _, o := range batch {
		if o.spill {
			todo = append(todo, o)
		}
	}
	ctx, cancel := bound(ctx, s.Timeout*3/4)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	b, ok := s.Store.(batchStore)
	if !ok {
		s.putEach(ctx, giveUp, todo)
		return
	}
	together := putManyTogether
	if s.Serial {
		together = 1
	}
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, together)
	for len(todo) > 0 {
		n, size := 0, 0
		for ; n < len(todo) && (n == 0 || size+len(*todo[n].buf) <= putManyBytes); n++ {
			size += len(*todo[n].buf)
		}
		some := todo[:n]
		todo = todo[n:]
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if n == 1 || !s.putAll(ctx, giveUp, b, some) {
				s.putEach(ctx, giveUp, some)
			}
		})
	}
}

// putAll stores the bodies of batch in one round trip. It is false when the store refused, and each is worth a try by
// itself, so that only those at fault fail.
func (s *Sender) putAll(ctx context.Context, giveUp context.CancelCauseFunc, store batchStore, batch []*Outgoing) bool {
	bodies := make([][]byte, len(batch))
	for i, o := range batch {
		bodies[i] = *o.buf
	}
	var ids []string
	err := s.attempt(ctx, giveUp, func(ctx context.Context) (err error) {
		ids, err = store.PutAll(ctx, bodies)
		if err == nil && len(ids) != len(bodies) {
			err = fmt.Errorf("backplane: the store returned %d ids for %d attachments", len(ids), len(bodies))
		}
		return err
	})
	if err != nil && ctx.Err() == nil { // not given up
		return false
	}
	for i, o := range batch {
		if err != nil {
			s.refer(o, "", err)
		} else {
			s.refer(o, ids[i], nil)
		}
	}
	return true
}

// putEach stores the bodies of batch, several at a time.
func (s *Sender) putEach(ctx context.Context, giveUp context.CancelCauseFunc, batch []*Outgoing) {
	var group sync.WaitGroup
	slots := make(chan struct{}, putConcurrency)
	if s.Serial {
		slots = make(chan struct{}, 1)
	}
	for _, o := range batch {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			var id string
			err := s.attempt(ctx, giveUp, func(ctx context.Context) (err error) {
				id, err = s.Store.Put(ctx, *o.buf)
				return err
			})
			s.refer(o, id, err)
		})
	}
	group.Wait()
}

// attempt makes one round trip, unless the batch was given up, and gives it up if the round trip fails in a transaction.
func (s *Sender) attempt(ctx context.Context, giveUp context.CancelCauseFunc, trip func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := trip(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx) // it was given up meanwhile: the reason is of more use than "context canceled"
	case err != nil && s.Serial:
		giveUp(err)
	}
	return err
}

// refer replaces the body of o by a reference to it.
func (s *Sender) refer(o *Outgoing, id string, err error) {
	if err == nil {
		*o.buf, err = s.Wire.Reference(s.Wire.reserve((*o.buf)[:0]), o.Env, id)
	}
	if err == nil {
		s.Wire.seal(o.Channel, *o.buf)
	}
	if err != nil {
		o.Err = &OpError{Op: "store attachment", Channel: o.Channel, Err: err}
	}
}
