package core

import (
	"context"
	"errors"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/storage"
)

var (
	errNoStore  = &ConfigError{Field: "Store", Reason: "is required to read the attachment that a peer refers to"}
	errBadStore = errors.New("backplane: the store returned something else than one body for each id")
)

// read fills in all, in one round trip if the store can. Those of more than limit bytes it leaves for later, if the store
// can tell.
func (f *fetcher) read(ctx context.Context, all []*attachment, limit int) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	found, err := f.found(ctx, all, limit)
	if err = guard.Error(err); err == nil && len(found) != len(all) {
		err = errBadStore
	}
	switch {
	case err == nil:
		for i, a := range all {
			f.use(a, &found[i], limit)
		}
	case len(all) == 1 || ctx.Err() != nil: // what did not answer in time will not answer sooner for each
		for _, a := range all {
			a.err = err
		}
	default:
		for i := range all { // each by itself, so that one that spoils the round trip spoils no other
			f.read(ctx, all[i:i+1], limit)
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
