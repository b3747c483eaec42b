package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
)

// Attachments are fetched ahead of the message that is handled: so many round trips at a time, or, if the store can fetch
// many in one, fewer and each for so many. Each takes a connection of the store; database/sql keeps two by default.
const (
	fetchSingles = 4
	fetchBatches = 2
	fetchMany    = 16
)

// fetcher reads the attachments that messages refer to.
type fetcher struct {
	store   storage.Store
	wire    *wire.Wire
	timeout time.Duration
	fetched func()
}

// fetch is one round trip for the attachments of some messages.
type fetch struct {
	ids   []string
	refs  []*codec.Envelope
	envs  []*codec.Envelope
	errs  []error
	ready chan struct{} // closed when envs and errs are there
}

// plan groups the references among batch into round trips, and tells how many of these may be under way.
func (f *fetcher) plan(batch []*codec.Envelope) (all []*fetch, ahead int) {
	many, ahead := 1, fetchSingles
	if _, ok := f.store.(storage.Batch); ok {
		many, ahead = fetchMany, fetchBatches
	}
	for _, env := range batch {
		if env.AttachmentID == "" {
			continue
		}
		if len(all) == 0 || len(all[len(all)-1].ids) == many {
			all = append(all, &fetch{ready: make(chan struct{})})
		}
		last := all[len(all)-1]
		last.ids = append(last.ids, env.AttachmentID)
		last.refs = append(last.refs, env)
	}
	return all, ahead
}

// start begins a round trip.
func (f *fetcher) start(ctx context.Context, group *sync.WaitGroup, r *fetch) {
	group.Go(func() {
		defer close(r.ready)
		r.envs, r.errs = make([]*codec.Envelope, len(r.ids)), make([]error, len(r.ids))
		bodies := f.read(ctx, r)
		for i := range r.ids {
			if r.errs[i] == nil {
				r.envs[i], r.errs[i] = f.wire.DecodeBody(r.refs[i], bodies[i])
				f.fetched()
			}
		}
	})
}

// read returns the bodies of r, and notes the errors in r.
func (f *fetcher) read(ctx context.Context, r *fetch) [][]byte {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	if b, ok := f.store.(storage.Batch); ok && len(r.ids) > 1 {
		if bodies, err := b.GetAll(ctx, r.ids); err == nil && len(bodies) == len(r.ids) {
			for i, body := range bodies {
				if body == nil {
					r.errs[i] = storage.ErrNotFound
				}
			}
			return bodies
		} // else each by itself, so that one that spoils the batch spoils no other
	}
	bodies := make([][]byte, len(r.ids))
	for i, id := range r.ids {
		if f.store == nil {
			r.errs[i] = &ConfigError{Field: "Store", Reason: "is required to read the attachment that a peer refers to"}
			continue
		}
		bodies[i], r.errs[i] = f.store.Get(ctx, id)
	}
	return bodies
}

// next waits for the round trip and returns the attachment of the next of its messages.
func (r *fetch) next() (env *codec.Envelope, err error) {
	<-r.ready
	env, err = r.envs[0], r.errs[0]
	r.envs, r.errs = r.envs[1:], r.errs[1:]
	return env, err
}

// attachmentReason says why a message whose attachment could not be used is dropped.
func attachmentReason(err error) DropReason {
	if errors.Is(err, codec.ErrMalformed) {
		return DropMalformed
	}
	return DropAttachment
}

// empty reports whether next has returned all.
func (r *fetch) empty() bool { return len(r.envs) == 0 }
