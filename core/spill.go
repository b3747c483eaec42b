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

// spill puts the bodies of the messages that need it into the store and replaces them by references.
func (p *publisher) spill(ctx context.Context, batch []*outgoing) {
	todo := make([]*outgoing, 0, len(batch))
	for _, o := range batch {
		if o.spill {
			todo = append(todo, o)
		}
	}
	if b, ok := p.store.(storage.Batch); ok {
		for len(todo) > 1 {
			n, size := 0, 0
			for ; n < len(todo) && (n == 0 || size+len(*todo[n].buf) <= putManyBytes); n++ {
				size += len(*todo[n].buf)
			}
			if n == 1 || p.putAll(ctx, b, todo[:n]) != nil {
				p.putEach(ctx, todo[:n]) // each by itself, so that only those at fault fail
			}
			todo = todo[n:]
		}
	}
	p.putEach(ctx, todo)
}

func (p *publisher) putAll(ctx context.Context, store storage.Batch, batch []*outgoing) error {
	bodies := make([][]byte, len(batch))
	for i, o := range batch {
		bodies[i] = *o.buf
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	ids, err := store.PutAll(ctx, bodies)
	if err != nil {
		return err
	}
	for i, o := range batch {
		p.refer(o, ids[i], nil)
	}
	return nil
}

func (p *publisher) putEach(ctx context.Context, batch []*outgoing) {
	var group sync.WaitGroup
	slots := make(chan struct{}, putConcurrency)
	for _, o := range batch {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, p.timeout)
			defer cancel()
			id, err := p.store.Put(ctx, *o.buf)
			p.refer(o, id, err)
		})
	}
	group.Wait()
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
