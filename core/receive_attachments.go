package core

import (
	"errors"
	"sync"

	"github.com/backplane-go/backplane/codec"
)

// receivedBatch is a batch of messages that a receiveQueue handles.
type receivedBatch struct {
	items []item
	next  int         // the item that is handled next
	ahead []*prefetch // under way, or partly handled, in order
	fetch int         // the first item that is in none of them
	// storeHangs says that the store has not answered in time. Attachments of messages that waited meanwhile are not
	// read, so that all of them together cost one timeout.
	storeHangs bool
}

// deliver handles the rest of b in order, each message with its attachment. Attachments are read ahead. Nothing of a
// message is kept after it was handled.
func (q *receiveQueue) deliver(b *receivedBatch) {
	var group sync.WaitGroup
	defer group.Wait()
	for b.next < len(b.items) {
		for b.fetch < len(b.items) && !b.storeHangs {
			trips, room := q.reader.aheadLimits(int64(q.maxBytes) - q.bytes.Load())
			if len(b.ahead) >= trips {
				break
			}
			f := &prefetch{room: room / trips}
			b.fetch = f.collect(b.items, max(b.fetch, b.next), q.reader.perTrip(f.room))
			if !f.isEmpty() {
				b.ahead = append(b.ahead, f)
				q.reader.start(q.ctx, &group, f)
			}
		}
		if q.ctx.Err() != nil {
			return
		}
		i := &b.items[b.next]
		b.next++
		if i.env.AttachmentID == "" {
			q.handleItem(i, i.env)
			continue
		}
		whole, err := b.attachment(q)
		switch {
		case err == nil:
			q.handleItem(i, whole)
		case q.ctx.Err() == nil:
			q.dropped(i.env, attachmentReason(err), err)
			q.done(i)
		default:
			q.done(i)
		}
	}
}

// attachment returns the attachment of the next message.
func (b *receivedBatch) attachment(q *receiveQueue) (*codec.Envelope, error) {
	if len(b.ahead) == 0 {
		return nil, errUnanswered
	}
	f := b.ahead[0]
	whole, err := f.next(q.ctx, q.reader)
	if f.isEmpty() {
		b.ahead[0] = nil
		b.ahead = b.ahead[1:]
	}
	b.storeHangs = f.unanswered && errors.Is(err, errUnanswered)
	return whole, err
}

// handleItem handles a message, given whole, and releases it.
func (q *receiveQueue) handleItem(i *item, env *codec.Envelope) {
	defer q.done(i) // also if LocalSockets ends the goroutine
	if i.do != nil {
		i.do()
		return
	}
	if i.at != nil {
		q.handle(env, *i.at)
		return
	}
	q.handle(env, Position{})
}
