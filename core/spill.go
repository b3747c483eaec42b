package core

import (
	"context"
	"sync"

	"github.com/backplane-go/backplane/storage"
)

// Attachments of one batch are stored so many at the same time, or, if the store can take many in one round trip, with
// so many bytes in each.
const (
	putConcurrency = 4
	putManyBytes   = 1 << 20
)

// spill puts the bodies of the messages that need it into the store and replaces them by references. Once a round trip has
// timed out the rest is given up: a store that does not answer holds up a batch for one timeout, not for many.
func (p *publisher) spill(ctx context.Context, batch []*outgoing) {
	todo := make([]*outgoing, 0, len(batch))
	for _, o := range batch {
		if o.spill {
			todo = append(todo, o)
		}
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	b, ok := p.store.(storage.Batch)
	for ok && len(todo) > 1 {
		n, size := 0, 0
		for ; n < len(todo) && (n == 0 || size+len(*todo[n].buf) <= putManyBytes); n++ {
			size += len(*todo[n].buf)
		}
		if n == 1 || !p.putAll(ctx, giveUp, b, todo[:n]) {
			p.putEach(ctx, giveUp, todo[:n])
		}
		todo = todo[n:]
	}
	p.putEach(ctx, giveUp, todo)
}

// putAll stores the bodies of batch in one round trip. It is false when the store refused, and each is worth a try by
// itself, so that only those at fault fail.
func (p *publisher) putAll(ctx context.Context, giveUp context.CancelCauseFunc, store storage.Batch, batch []*outgoing) bool {
	bodies := make([][]byte, len(batch))
	for i, o := range batch {
		bodies[i] = *o.buf
	}
	var ids []string
	err := p.attempt(ctx, giveUp, func(ctx context.Context) (err error) {
		ids, err = store.PutAll(ctx, bodies)
		return err
	})
	if err != nil && ctx.Err() == nil {
		return false
	}
	for i, o := range batch {
		if err != nil {
			p.refer(o, "", err)
		} else {
			p.refer(o, ids[i], nil)
		}
	}
	return true
}

// putEach stores the bodies of batch, several at a time.
func (p *publisher) putEach(ctx context.Context, giveUp context.CancelCauseFunc, batch []*outgoing) {
	var group sync.WaitGroup
	slots := make(chan struct{}, putConcurrency)
	for _, o := range batch {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			var id string
			err := p.attempt(ctx, giveUp, func(ctx context.Context) (err error) {
				id, err = p.store.Put(ctx, *o.buf)
				return err
			})
			p.refer(o, id, err)
		})
	}
	group.Wait()
}

// attempt makes one round trip, unless the batch was given up, and gives it up if the round trip times out.
func (p *publisher) attempt(ctx context.Context, giveUp context.CancelCauseFunc, trip func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	bounded, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	err := trip(bounded)
	if err != nil && bounded.Err() != nil {
		giveUp(err)
	}
	return err
}

// refer replaces the body of o by a reference to it.
func (p *publisher) refer(o *outgoing, id string, err error) {
	if err == nil {
		*o.buf, err = p.wire.Reference((*o.buf)[:0], o.env, id)
	}
	if err != nil {
		o.err = &OpError{Op: "store attachment", Channel: o.channel, Err: err}
	}
}
