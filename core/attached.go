package core

import (
	"sync"

	"github.com/backplane-go/backplane/codec"
)

// work handles the messages of batch in order, each with the attachment that it refers to. Attachments are fetched ahead.
func (l *lane) work(batch []*codec.Envelope) {
	var group sync.WaitGroup
	defer group.Wait()
	fetches, ahead := l.fetcher.plan(batch)
	started := 0
	for _, env := range batch {
		for ; started < min(len(fetches), ahead); started++ {
			l.fetcher.start(l.ctx, &group, fetches[started])
		}
		if l.ctx.Err() != nil {
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
		case l.ctx.Err() == nil:
			l.dropped(env, attachmentReason(err), err)
		}
	}
}
