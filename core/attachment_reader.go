package core

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
)

var (
	errNoStore  = &ConfigError{Field: "Store", Reason: "is required to read the attachment that a peer refers to"}
	errBadStore = errors.New("backplane: the store did not return one body for each id")
	// errUnanswered is wrapped by the error of an attachment that was not read because the store did not answer in
	// time.
	errUnanswered = errors.New("backplane: the store has not answered in time")
)

// attachmentReader reads the attachments that messages refer to.
type attachmentReader struct {
	store    storage.Store
	wire     *wire.Wire
	maxBytes int // of an attachment
	timeout  time.Duration
	fetched  func(*codec.Envelope) // called with each attachment that was read; nil if it could not be decoded
	answers  atomic.Uint64         // how many round trips the store has answered
}

// read fills in all attachments, in one round trip if the store can. It leaves those of more than limit bytes for
// later, if the store can tell their sizes.
func (r *attachmentReader) read(parent context.Context, all []*attachment, limit int) {
	ctx, cancel := context.WithTimeout(parent, r.timeout)
	defer cancel()
	found, err := r.askStore(ctx, all, limit)
	if err = guard.Error(err); err == nil && len(found) != len(all) {
		err = errBadStore
	}
	switch {
	case err == nil:
		r.answers.Add(1)
		for i, a := range all {
			r.decode(a, &found[i], limit)
		}
	case len(all) == 1:
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", errUnanswered, err)
		}
		all[0].err = err
	default:
		r.readEach(parent, all, limit)
	}
}

// readEach reads each attachment by itself, so that one that makes a round trip fail, or is too much for it, does not
// harm the others. If the first one is not answered in time, none is read.
func (r *attachmentReader) readEach(ctx context.Context, all []*attachment, limit int) {
	for i := range all {
		r.read(ctx, all[i:i+1], limit)
		if err := all[i].err; i == 0 && errors.Is(err, errUnanswered) {
			for _, a := range all {
				a.err = err
			}
			return
		}
	}
}

// decode decodes what the store has returned for an attachment, and keeps it in no other form.
func (r *attachmentReader) decode(a *attachment, found *storage.Found, limit int) {
	body := found.Body
	found.Body = nil
	a.size, a.err = max(found.Size, 0), nil
	switch {
	case found.Size == storage.NotFound:
		a.err = storage.ErrNotFound
	case found.Size > r.maxBytes:
		a.err = r.wire.CheckSize(a.ref.Type, found.Size)
	case body != nil:
		a.env, a.err = r.wire.DecodeBody(a.ref, body)
		r.fetched(a.env)
	case found.Size > limit:
		a.err = errLater
	default:
		a.err = errBadStore
	}
}

// askStore asks the store. A store that does not tell sizes ignores limit.
func (r *attachmentReader) askStore(
	ctx context.Context, all []*attachment, limit int,
) (found []storage.Found, err error) {
	defer guard.Catch(&err)
	if r.store == nil {
		return nil, errNoStore
	}
	ids := make([]string, len(all))
	for i, a := range all {
		ids[i] = a.ref.AttachmentID
	}
	if s, ok := r.store.(storage.Sizer); ok {
		return s.GetUpTo(ctx, ids, limit)
	}
	if s, ok := r.store.(storage.Batch); ok && len(ids) > 1 {
		bodies, err := s.GetAll(ctx, ids)
		return withSizes(bodies), err
	}
	body, err := r.store.Get(ctx, ids[0])
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return []storage.Found{{Size: storage.NotFound}}, nil
	case body == nil:
		body = []byte{}
	}
	return withSizes([][]byte{body}), err
}

func withSizes(bodies [][]byte) []storage.Found {
	found := make([]storage.Found, len(bodies))
	for i, body := range bodies {
		found[i] = storage.Found{Size: len(body), Body: body}
		if body == nil {
			found[i].Size = storage.NotFound
		}
	}
	return found
}

// attachmentReason returns why a message is dropped whose attachment could not be used.
func attachmentReason(err error) DropReason {
	var large *TooLargeError
	switch {
	case errors.As(err, &large):
		return DropTooLarge
	case errors.Is(err, codec.ErrMalformed):
		return DropMalformed
	case errors.Is(err, ErrUnsigned):
		return DropUnsigned
	}
	return DropAttachment
}
