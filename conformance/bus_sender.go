package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// sender publishes a sequence of messages before, during and after outages. Only one goroutine at a time may
// use it.
type sender struct {
	c          *busChecker
	sequence   *sequence
	latency    time.Duration // from Publish to Receive
	usualBatch int           // batch size at other times
	batch      int           // current batch size
	next       int           // number of the next message

	mu     sync.Mutex
	failed map[int]bool // messages of calls of Publish that failed; guarded by mu
}

// publishBatch publishes the next batch. After an error, each of its messages may have been sent or not; the
// next batch continues after them.
func (s *sender) publishBatch(ctx context.Context, bus transport.Bus) error {
	batch := make([]transport.Message, s.batch)
	for i := range batch {
		batch[i] = s.sequence.message(s.next+i, nil)
	}
	err := bus.Publish(ctx, batch...)
	if err != nil {
		s.mu.Lock()
		for i := range batch {
			s.failed[s.next+i] = true
		}
		s.mu.Unlock()
	}
	s.next += len(batch)
	return err
}

// newReader returns a reader that starts with the next message.
func (s *sender) newReader(session transport.Session, called string) *gaplessReader {
	r := &gaplessReader{c: s.c, called: called, session: session, sequence: s.sequence,
		reachedTarget: make(chan struct{}, 1)}
	r.next.Store(int64(s.next))
	r.mayBeMissing = func(n int) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.failed[n]
	}
	return r
}

// publishUntilSevered publishes up to message end, at most slightly ahead of the reader, until severed is
// closed, and then a few more batches. Publish may fail in between, but not for longer than the patience.
func (s *sender) publishUntilSevered(ctx context.Context, bus transport.Bus, read *gaplessReader,
	severed <-chan struct{}, end int) error {
	more := countWithin(2*time.Second, s.latency, 5, 30)
	var failing time.Time
	for s.next < end && more > 0 && ctx.Err() == nil {
		select {
		case <-severed:
			more--
		default:
			if s.next-int(read.next.Load()) > 200+2*s.batch {
				time.Sleep(50 * time.Microsecond)
				continue
			}
		}
		inTime, cancel := context.WithTimeout(ctx, s.c.patience)
		err := s.publishBatch(inTime, bus)
		cancel()
		switch {
		case err == nil:
			failing = time.Time{}
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > s.c.patience:
			return err
		}
		if err != nil {
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}
