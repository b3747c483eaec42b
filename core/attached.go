package core

import (
	"errors"
	"sync"

	"github.com/backplane-go/backplane/codec"
)

// portion is a batch of messages that is being handled.
type portion struct {
	batch []item
	turn  int      // the message that is handled next
	ahead []*fetch // under way, or handed out in part, in order
	next  int      // the first message that is in none of them
	hangs bool     // the store has not answered in time: what waited meanwhile is not fetched, so that it costs one timeout for all
}

// work handles the messages of r that are left, in order, each with the attachment that it refers to. Attachments are fetched ahead.
// Nothing of a message is kept once it was handled.
func (l *lane) work(r *portion) {
	var group sync.WaitGroup
	defer group.Wait()
	for r.turn < len(r.batch) {
		for r.next < len(r.batch) && !r.hangs {
			rounds, room := l.fetcher.ahead(int64(l.maxBytes) - l.bytes.Load())
			if len(r.ahead) >= rounds {
				break
			}
			f := &fetch{room: room / rounds}
			r.next = f.collect(r.batch, max(r.next, r.turn), l.fetcher.many(f.room))
			if !f.empty() {
				r.ahead = append(r.ahead, f)
				l.fetcher.start(l.ctx, &group, f)
			}
		}
		if l.ctx.Err() != nil {
			return
		}
		i := &r.batch[r.turn]
		r.turn++
		if i.env.AttachmentID == "" {
			l.handOn(i, i.env)
			continue
		}
		whole, err := r.attachment(l)
		switch {
		case err == nil:
			l.handOn(i, whole)
		case l.ctx.Err() == nil:
			l.dropped(i.env, attachmentReason(err), err)
			l.done(i)
		default:
			l.done(i)
		}
	}
}

// attachment returns what the message refers to whose turn it is.
func (r *portion) attachment(l *lane) (*codec.Envelope, error) {
	if len(r.ahead) == 0 {
		return nil, errUnanswered
	}
	f := r.ahead[0]
	whole, err := f.next(l.ctx, l.fetcher)
	if f.empty() {
		r.ahead[0] = nil
		r.ahead = r.ahead[1:]
	}
	r.hangs = f.unanswered && errors.Is(err, errUnanswered)
	return whole, err
}

// handOn handles a message, or its attachment, and lets it go.
func (l *lane) handOn(i *item, env *codec.Envelope) {
	defer l.done(i) // also if Local ends the goroutine
	l.handle(env)
}
