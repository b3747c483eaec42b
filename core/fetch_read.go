package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/storage"
)

var (
	errNoStore  = &ConfigError{Field: "Store", Reason: "is required to read the attachment that a peer refers to"}
	errBadStore = errors.New("backplane: the store returned something else than one body for each id")
	// errUnanswered is in the error of what was not read because the store has not answered in time.
	errUnanswered = errors.New("backplane: the store has not answered in time")
)

// read fills in all, in one round trip if the store can. Those of more than limit bytes it leaves for later, if the store
// can tell.
func (f *fetcher) read(parent context.Context, all []*attachment, limit int) {
	ctx, cancel := context.WithTimeout(parent, f.timeout)
	defer cancel()
	found, err := f.found(ctx, all, limit)
	if err = guard.Error(err); err == nil && len(found) != len(all) {
		err = errBadStore
	}
	switch {
	case err == nil:
		f.answers.Add(1)
		for i, a := range all {
			f.use(a, &found[i], limit)
		}
	case len(all) == 1:
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", errUnanswered, err)
		}
		all[0].err = err
	default:
		f.readEach(parent, all, limit)
	}
}

// readEach reads each of all by itself, so that one that spoils a round trip, or is too much for it, spoils no other. When the first is not
// answered in time, none is.
func (f *fetcher) readEach(ctx context.Context, all []*attachment, limit int) {
	for i := range all {
		f.read(ctx, all[i:i+1], limit)
		if err := all[i].err; i == 0 && errors.Is(err, errUnanswered) {
			for _, a := range all {
				a.err = err
			}
			return
		}
	}
}

// use decodes what was found for an attachment, and keeps it in no other form.
func (f *fetcher) use(a *attachment, found *storage.Found, limit int) {
	body := found.Body
	found.Body = nil
	a.size, a.err = max(found.Size, 0), nil
	switch {
	case found.Size == storage.NotFound:
		a.err = storage.ErrNotFound
	case found.Size > f.max:
		a.err = f.wire.CheckSize(a.ref.Type, found.Size)
	case body != nil:
		a.env, a.err = f.wire.DecodeBody(a.ref, body)
		f.fetched(a.env)
	case found.Size > limit:
		a.err = errLater
	default:
		a.err = errBadStore
	}
}

// found asks the store. To one that does not tell sizes, limit means nothing.
func (f *fetcher) found(ctx context.Context, all []*attachment, limit int) (found []storage.Found, err error) {
	defer guard.Catch(&err)
	if f.store == nil {
		return nil, errNoStore
	}
	ids := make([]string, len(all))
	for i, a := range all {
		ids[i] = a.ref.AttachmentID
	}
	if s, ok := f.store.(storage.Sizer); ok {
		return s.GetUpTo(ctx, ids, limit)
	}
	if s, ok := f.store.(storage.Batch); ok && len(ids) > 1 {
		bodies, err := s.GetAll(ctx, ids)
		return sized(bodies), err
	}
	body, err := f.store.Get(ctx, ids[0])
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return []storage.Found{{Size: storage.NotFound}}, nil
	case body == nil:
		body = []byte{}
	}
	return sized([][]byte{body}), err
}

func sized(bodies [][]byte) []storage.Found {
	found := make([]storage.Found, len(bodies))
	for i, body := range bodies {
		found[i] = storage.Found{Size: len(body), Body: body}
		if body == nil {
			found[i].Size = storage.NotFound
		}
	}
	return found
}
