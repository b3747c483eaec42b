package core

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
)

// lane hands the messages of one namespace on, one at a time and in order, and with the attachments that they refer to.
// The receiver does not wait for it: what does not fit is dropped. A broadcast that comes alone the receiver hands on itself.
type lane struct {
	pending atomic.Int64 // messages that were not handled yet
	turn    turn         // who has it handles messages
	handy   handy        // whether the receiver may do it

	queue   *queue[*codec.Envelope]
	fetcher *fetcher
	handle  func(*codec.Envelope)
	dropped func(env *codec.Envelope, reason DropReason, err error)
}

// push queues a message of size bytes, or drops it.
func (l *lane) push(env *codec.Envelope, size int) {
	if err := l.offer(env, size); err != nil {
		l.dropped(env, DropSlow, err)
	}
}

func (l *lane) offer(env *codec.Envelope, size int) error {
	l.pending.Add(1)
	err := l.queue.tryPush(env, size)
	if err != nil {
		l.pending.Add(-1)
	}
	return err
}

// pass handles a message at once if nothing else is to be handled, else it queues it.
func (l *lane) pass(ctx context.Context, env *codec.Envelope, size int) {
	if env.AttachmentID != "" || !l.pending.CompareAndSwap(0, 1) {
		l.push(env, size)
		return
	}
	switch {
	case !l.handy.due():
		l.push(env, size)
	case ctx.Err() == nil:
		l.turn.take()
		l.handy.time(func() { l.handle(env) })
		l.turn.leave()
	}
	l.pending.Add(-1)
}

// run handles messages until the queue is closed, or ctx ends.
func (l *lane) run(ctx context.Context) {
	var batch []*codec.Envelope
	for {
		var ok bool
		if batch, ok = l.queue.take(batch); !ok {
			return
		}
		l.turn.take()
		l.work(ctx, batch)
		l.turn.leave()
		l.pending.Add(-int64(len(batch)))
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
			l.handle(whole)
		case ctx.Err() == nil:
			l.dropped(env, attachmentReason(err), err)
		}
	}
}
