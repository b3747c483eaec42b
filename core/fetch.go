package core

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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

// aheadShare is the part of the memory for waiting messages that attachments fetched ahead may take, from a store that can
// tell sizes.
const aheadShare = 4

// fetcher reads the attachments that messages refer to.
type fetcher struct {
	store   storage.Store
	wire    *wire.Wire
	max     int // bytes of an attachment
	timeout time.Duration
	fetched func(*codec.Envelope) // is told of each that was read, nil if it could not be decoded
	answers atomic.Uint64         // round trips that the store has answered
}

// ahead returns how many fetches may be under way, or not be handed out yet, and how many bytes they may bring together,
// when so many bytes are left for waiting messages. A store that does not tell sizes may bring attachments of any size, so
// that there is room for fewer. One is always fetched.
func (f *fetcher) ahead(left int64) (fetches, room int) {
	room = int(max(left, 0))
	switch f.store.(type) {
	case storage.Sizer:
		return fetchBatches, room / aheadShare
	case storage.Batch:
		return max(1, min(fetchBatches, room/f.max)), room
	}
	return max(1, min(fetchSingles, room/f.max)), room
}

// many returns how many attachments a fetch is for that may bring so many bytes.
func (f *fetcher) many(room int) int {
	switch f.store.(type) {
	case storage.Sizer:
		return fetchMany
	case storage.Batch:
		return max(1, min(fetchMany, room/f.max))
	}
	return 1
}

// fetch is for the attachments of some messages.
type fetch struct {
	room        int           // bytes that it may bring
	attachments []*attachment // those that were not handed out yet
	ready       chan struct{} // closed when it is done
	unanswered  bool          // the store has answered nobody meanwhile
}

// attachment is the whole of the message that a reference stands for.
type attachment struct {
	ref  *codec.Envelope
	env  *codec.Envelope
	err  error
	size int // bytes, 0 if it is not there
}

// errLater is the error of an attachment that is too large to be read ahead.
var errLater = errors.New("backplane: the attachment is read when its message's turn has come")

// collect takes the next references of batch, at most many, and returns where it stopped.
func (r *fetch) collect(batch []item, from, many int) int {
	for ; from < len(batch) && len(r.attachments) < many; from++ {
		if env := batch[from].env; env.AttachmentID != "" {
			r.attachments = append(r.attachments, &attachment{ref: env, err: ErrExited}) // until it was read
		}
	}
	return from
}

// start begins to fetch.
func (f *fetcher) start(ctx context.Context, group *sync.WaitGroup, r *fetch) {
	r.ready = make(chan struct{})
	all, room := r.attachments, r.room
	group.Go(func() {
		defer close(r.ready)
		before := f.answers.Load()
		f.read(ctx, all, min(f.max, room/len(all)))
		f.readLarger(ctx, all, room)
		r.unanswered = f.answers.Load() == before
	})
}

// readLarger reads those that were larger than their share of room, from the first on, as far as there is room for them.
func (f *fetcher) readLarger(ctx context.Context, all []*attachment, room int) {
	for _, a := range all {
		if a.err == nil {
			room -= a.size
		}
	}
	var larger []*attachment
	limit := 0
	for _, a := range all {
		if !errors.Is(a.err, errLater) {
			continue
		}
		if a.size > room {
			break
		}
		room -= a.size
		limit = max(limit, a.size)
		larger = append(larger, a)
	}
	if len(larger) > 0 {
		f.read(ctx, larger, limit)
	}
}

// next waits until r is done, and returns the attachment of the next of its messages, of which it keeps nothing.
func (r *fetch) next(ctx context.Context, f *fetcher) (*codec.Envelope, error) {
	<-r.ready
	a := r.attachments[0]
	r.attachments[0] = nil
	r.attachments = r.attachments[1:]
	if errors.Is(a.err, errLater) {
		f.read(ctx, []*attachment{a}, f.max)
	}
	return a.env, a.err
}

// empty reports whether next has returned all.
func (r *fetch) empty() bool { return len(r.attachments) == 0 }

// attachmentReason says why a message whose attachment could not be used is dropped.
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
