package core

import (
	"context"
	"fmt"
	"sync"

	"github.com/backplane-go/backplane/codec"
)

// errMismatch is reported for an attachment of another message than the one that refers to it.
var errMismatch = fmt.Errorf("%w: the attachment is another message than its reference says", codec.ErrMalformed)

// lane hands the messages of one namespace on, one at a time and in order, and with the attachments that they refer to.
// The receiver never waits for it: what does not fit is dropped.
type lane struct {
	queue   *queue[*codec.Envelope]
	fetcher *fetcher
	handle  func(*codec.Envelope)
	dropped func(env *codec.Envelope, reason DropReason, err error)
}

// push queues a message of size bytes, or drops it.
func (l *lane) push(env *codec.Envelope, size int) {
	if err := l.queue.tryPush(env, size); err != nil {
		l.dropped(env, DropSlow, err)
	}
}

// run handles messages until the queue is closed, or ctx ends.
func (l *lane) run(ctx context.Context) {
	var batch []*codec.Envelope
	for {
		var ok bool
		if batch, ok = l.queue.take(batch); !ok {
			return
		}
		l.work(ctx, batch)
	}
}

func (l *lane) work(ctx context.Context, batch []*codec.Envelope) {
	var group sync.WaitGroup
	defer group.Wait()
	fetches, ahead := l.fetcher.plan(batch)
	started := 0
	for _, env := range batch {
		for ; started < min(len(fetches), ahead); started++ {
			l.fetcher.start(ctx, &group, fetches[started])
		}
		if ctx.Err() != nil {
			return
		}
		if env.AttachmentID == "" {
			l.handle(env)
			continue
		}
		whole, err := fetches[0].next()
		if fetches[0].empty() {
			fetches = fetches[1:]
			started--
		}
		switch {
		case err == nil:
			if whole.NSP == "" {
				whole.NSP = env.NSP
			}
			if whole.UID == "" {
				whole.UID = env.UID
			}
			if whole.Type != env.Type || whole.UID != env.UID || whole.NSP != env.NSP {
				l.dropped(env, DropMalformed, errMismatch)
				continue
			}
			l.handle(whole)
		case ctx.Err() == nil:
			l.dropped(env, DropAttachment, err)
		}
	}
}
