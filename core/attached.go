package core

import "sync"

// work handles the messages of batch in order, each with the attachment that it refers to. Attachments are fetched ahead.
// Nothing of a message is kept once it was handled.
func (l *lane) work(batch []item) {
	var group sync.WaitGroup
	defer group.Wait()
	var ahead []*fetch // under way, or handed out in part, in order
	next := 0          // the first message that is in none of them
	for i := range batch {
		for next < len(batch) {
			rounds, room := l.fetcher.ahead(int64(l.maxBytes) - l.bytes.Load())
			if len(ahead) >= rounds {
				break
			}
			f := &fetch{room: room / rounds}
			next = f.collect(batch, max(next, i), l.fetcher.many(f.room))
			if !f.empty() {
				ahead = append(ahead, f)
				l.fetcher.start(l.ctx, &group, f)
			}
		}
		if l.ctx.Err() != nil {
			return
		}
		env := batch[i].env
		if env.AttachmentID == "" {
			l.handle(env)
			l.done(&batch[i])
			continue
		}
		whole, err := ahead[0].next(l.ctx, l.fetcher)
		if ahead[0].empty() {
			ahead[0] = nil
			ahead = ahead[1:]
		}
		switch {
		case err == nil:
			l.handle(whole)
		case l.ctx.Err() == nil:
			l.dropped(env, attachmentReason(err), err)
		}
		l.done(&batch[i])
	}
}
