package core

import (
	"context"
	"errors"
	"sync"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/storage"
)

// Attachments are read ahead of the message that is handled, in several round trips at a time. If the store can read
// many attachments in one, there are fewer round trips, each for up to attachmentsPerTrip. Each round trip takes a
// connection of the store; database/sql keeps two by default.
const (
	singleTrips        = 4
	batchTrips         = 2
	attachmentsPerTrip = 16
)

// aheadShare: attachments that are read ahead may take 1/aheadShare of the memory for waiting messages, if the store
// can tell sizes.
const aheadShare = 4

// aheadLimits returns how many round trips may be under way or not handled yet, and how many bytes they may bring
// together, when left bytes are left for waiting messages. A store that does not tell sizes may bring attachments of
// any size, so there are fewer. There is always at least one.
func (r *attachmentReader) aheadLimits(left int64) (trips, room int) {
	room = int(max(left, 0))
	switch r.store.(type) {
	case storage.Sizer:
		return batchTrips, room / aheadShare
	case storage.Batch:
		return max(1, min(batchTrips, room/r.maxBytes)), room
	}
	return max(1, min(singleTrips, room/r.maxBytes)), room
}

// perTrip returns how many attachments are read in a round trip that may bring room bytes.
func (r *attachmentReader) perTrip(room int) int {
	switch r.store.(type) {
	case storage.Sizer:
		return attachmentsPerTrip
	case storage.Batch:
		return max(1, min(attachmentsPerTrip, room/r.maxBytes))
	}
	return 1
}

// prefetch reads the attachments of some messages.
type prefetch struct {
	room        int           // how many bytes it may bring
	attachments []*attachment // those that next has not returned yet
	ready       chan struct{} // closed when all were read
	unanswered  bool          // the store answered no round trip meanwhile
}

// attachment is the whole message that a reference stands for.
type attachment struct {
	ref  *codec.Envelope
	env  *codec.Envelope
	err  error
	size int // bytes; 0 if there is none
}

// errLater is the error of an attachment that is too large to be read ahead.
var errLater = errors.New("backplane: the attachment is read when its message is next")

// collect takes the next references of items, at most many, and returns where it stopped.
func (f *prefetch) collect(items []item, from, many int) int {
	for ; from < len(items) && len(f.attachments) < many; from++ {
		if env := items[from].env; env.AttachmentID != "" {
			f.attachments = append(f.attachments, &attachment{ref: env, err: ErrExited}) // until it was read
		}
	}
	return from
}

// start starts reading.
func (r *attachmentReader) start(ctx context.Context, group *sync.WaitGroup, f *prefetch) {
	f.ready = make(chan struct{})
	all, room := f.attachments, f.room
	group.Go(func() {
		defer close(f.ready)
		before := r.answers.Load()
		r.read(ctx, all, min(r.maxBytes, room/len(all)))
		r.readLarger(ctx, all, room)
		f.unanswered = r.answers.Load() == before
	})
}

// readLarger reads the attachments that were larger than their share of room, from the first one on, as long as there
// is room.
func (r *attachmentReader) readLarger(ctx context.Context, all []*attachment, room int) {
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
		r.read(ctx, larger, limit)
	}
}

// next waits until f is done, and returns the attachment of its next message. It keeps nothing of it.
func (f *prefetch) next(ctx context.Context, r *attachmentReader) (*codec.Envelope, error) {
	<-f.ready
	a := f.attachments[0]
	f.attachments[0] = nil
	f.attachments = f.attachments[1:]
	if errors.Is(a.err, errLater) {
		r.read(ctx, []*attachment{a}, r.maxBytes)
	}
	return a.env, a.err
}

// isEmpty reports whether next has returned all attachments.
func (f *prefetch) isEmpty() bool { return len(f.attachments) == 0 }
