package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// feed publishes a stream through outages. One goroutine at a time uses it.
type feed struct {
	c      *busCase
	stream *stream
	travel time.Duration // of a message
	usual  int           // how many messages one Publish has
	batch  int           // the same at present
	next   int           // the number of the next message

	mu     sync.Mutex
	failed map[int]bool // the messages of a Publish that failed; guarded by mu
}

// publish publishes the next batch. After an error, each of its messages may have been sent or not, and the next ones follow.
func (f *feed) publish(ctx context.Context, bus transport.Bus) error {
	batch := make([]transport.Message, f.batch)
	for i := range batch {
		batch[i] = f.stream.at(f.next+i, nil)
	}
	err := bus.Publish(ctx, batch...)
	if err != nil {
		f.mu.Lock()
		for i := range batch {
			f.failed[f.next+i] = true
		}
		f.mu.Unlock()
	}
	f.next += len(batch)
	return err
}

// tail returns a tail that begins with the next message.
func (f *feed) tail(s transport.Session, called string) *tail {
	t := &tail{c: f.c, called: called, session: s, stream: f.stream, arrived: make(chan struct{}, 1)}
	t.next.Store(int64(f.next))
	t.doubtful = func(n int) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.failed[n]
	}
	return t
}

// pump publishes up to message end, but not much more than was received, until the sessions are severed, and then a little more.
// Meanwhile Publish may fail, but not for longer than the patience.
func (f *feed) pump(ctx context.Context, bus transport.Bus, read *tail, severed <-chan struct{}, end int) error {
	more := within(2*time.Second, f.travel, 5, 30)
	var failing time.Time
	for f.next < end && more > 0 && ctx.Err() == nil {
		select {
		case <-severed:
			more--
		default:
			if f.next-int(read.next.Load()) > 200+2*f.batch {
				time.Sleep(50 * time.Microsecond)
				continue
			}
		}
		inTime, cancel := context.WithTimeout(ctx, f.c.patience)
		err := f.publish(inTime, bus)
		cancel()
		switch {
		case err == nil:
			failing = time.Time{}
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > f.c.patience:
			return err
		}
		if err != nil {
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}
