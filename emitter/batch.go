package emitter

import (
	"context"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
)

// Batch collects messages for any namespaces and rooms, and sends them in one round trip, or in two if some are
// too large for the bus. It has the methods of an Emitter, but they only add the message to the batch: they
// ignore the context, and return an error only if the message itself is invalid, in which case they do not add
// it. It is safe for concurrent use.
type Batch struct {
	Target

	emitter *Emitter
	mu      sync.Mutex // guards items
	items   []*wire.Outgoing
}

// Batch returns an empty batch.
func (e *Emitter) Batch() *Batch {
	b := &Batch{emitter: e, Target: e.Target}
	b.Target.sink = b
	return b
}

// send adds env to the batch.
func (b *Batch) send(_ context.Context, nsp string, env *codec.Envelope) error {
	o, send, err := b.emitter.encode(nsp, env)
	if !send {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, &o)
	return nil
}

// Len returns the number of messages in the batch.
func (b *Batch) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items)
}

// Send sends the messages in the order in which they were added, and empties the batch. If ctx ends before anything
// was stored or sent, Send returns ctx's error and leaves the batch as it was. Otherwise it returns a *BatchError
// that says which messages were not sent or, with ErrUnconfirmed, may not have been sent.
func (b *Batch) Send(ctx context.Context) error {
	b.mu.Lock()
	items := b.items
	b.items = nil
	b.mu.Unlock()
	if len(items) == 0 {
		return nil
	}
	large := slices.ContainsFunc(items, (*wire.Outgoing).NeedsStore)
	ours, err := b.emitter.publisher.publishAll(ctx, items)
	switch {
	case err == nil:
	case ours && !large:
		b.mu.Lock()
		b.items = append(items, b.items...)
		b.mu.Unlock()
		return err
	default: // the publisher still has the items, or some of them are stored
		failed := &BatchError{Messages: len(items), Unsent: make([]int, len(items)), Err: err}
		for i := range items {
			failed.Unsent[i] = i
		}
		return failed
	}
	failed := &BatchError{Messages: len(items)}
	for i, o := range items {
		if o.Err != nil {
			failed.Unsent = append(failed.Unsent, i)
			if failed.Err == nil {
				failed.Err = o.Err
			}
		}
		o.Release()
	}
	if failed.Err != nil {
		return failed
	}
	return nil
}
