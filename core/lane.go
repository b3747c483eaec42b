package core

import (
	"context"
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
)

// prefetch is how many attachments of one namespace are fetched ahead at the same time.
const prefetch = 4

// lane hands the messages of one namespace on, one at a time and in order, and fetches the attachments that they
// refer to. The receiver never waits for it: what does not fit is dropped.
type lane struct {
	queue   *queue[*codec.Envelope]
	store   storage.Store
	wire    *wire.Wire
	timeout time.Duration
	handle  func(*codec.Envelope)
	dropped func(env *codec.Envelope, reason DropReason, err error)
	fetched func()
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

// fetch is an attachment on its way.
type fetch struct {
	env   *codec.Envelope
	err   error
	ready chan struct{}
}

func (l *lane) work(ctx context.Context, batch []*codec.Envelope) {
	var group sync.WaitGroup
	defer group.Wait()
	ahead := make(map[int]*fetch)
	next := 0 // the first message that was not looked at for prefetching
	for i, env := range batch {
		for ; next < len(batch) && len(ahead) < prefetch; next++ {
			if batch[next].AttachmentID != "" {
				f := &fetch{ready: make(chan struct{})}
				ahead[next] = f
				id := batch[next].AttachmentID
				group.Go(func() {
					defer close(f.ready)
					f.env, f.err = l.fetch(ctx, id)
				})
			}
		}
		if ctx.Err() != nil {
			return
		}
		if f := ahead[i]; f != nil {
			<-f.ready
			delete(ahead, i)
			if f.err != nil {
				if ctx.Err() == nil {
					l.dropped(env, DropAttachment, f.err)
				}
				continue
			}
			l.fetched()
			if f.env.NSP == "" {
				f.env.NSP = env.NSP
			}
			env = f.env
		}
		l.handle(env)
	}
}

func (l *lane) fetch(ctx context.Context, id string) (*codec.Envelope, error) {
	if l.store == nil {
		return nil, &ConfigError{"Store", "is required to read the attachment that a peer refers to"}
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	body, err := l.store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return l.wire.DecodeBody(body)
}
