package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

var slowMutants = []mutant[conformance.Harness]{
	overflowMutant("drops new messages", 64, dropNewest),
	overflowMutant("drops new messages", 100, dropNewest),
	overflowMutant("drops new messages", 256, dropNewest),
	overflowMutant("drops new messages", 1000, dropNewest),
	overflowMutant("drops new messages", 4096, dropNewest),
	overflowMutant("drops new messages", 6000, dropNewest),
	overflowMutant("drops old messages", 64, dropOldest),
	overflowMutant("drops old messages", 1000, dropOldest),
	overflowMutant("drops old messages", 4096, dropOldest),
	overflowMutant("drops everything and starts again", 256,
		func(c *queueSession, m transport.Message) { c.queue = append(c.queue[:0], m) }),
	overflowMutant("drops every second message", 1000, func(c *queueSession, m transport.Message) {
		if c.dropped++; c.dropped%2 == 0 {
			c.queue = append(c.queue, m)
		}
	}),
	overflowMutant("drops one message and ends much later", 1000, func(c *queueSession, m transport.Message) {
		if c.dropped++; c.dropped > 3000 {
			c.err = errors.New("slow consumer")
		} else if c.dropped > 1 {
			c.queue = append(c.queue, m)
		}
	}),
	overflowMutant("falls silent", 4096, func(c *queueSession, _ transport.Message) { c.silent = true }),
	overflowMutant("reports a cancellation", 1000, func(c *queueSession, _ transport.Message) {
		c.err = context.Canceled
	}),
	overflowMutant("drops bytes", 1<<20, dropNewest),
	overflowMutant("drops bytes", 5<<20, dropOldest),
	blockingMutant("waits forever for a session with 64 messages", memory.Config{Buffer: 64, Patience: time.Hour}, nil),
	blockingMutant("waits forever for a session with 4096 messages", memory.Config{Buffer: 4096, Patience: time.Hour},
		nil),
	blockingMutant("waits forever for a session with 5 MiB", memory.Config{BufferBytes: 5 << 20, Patience: time.Hour},
		nil),
	blockingMutant("waits a second for each batch while one session is slow", memory.Config{},
		func(b *bus, lag func() int) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if lag() > 1000 {
					time.Sleep(time.Second)
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
	blockingMutant("fails while one session is slow", memory.Config{}, func(b *bus, lag func() int) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if lag() > 5000 {
				return errors.New("no buffer space available")
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	blockingMutant("ends all sessions when one is slow", memory.Config{}, func(b *bus, lag func() int) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if lag() > 4096 {
				b.Hub.Sever(memory.ErrSlow)
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
}

// overflowMutant returns a mutant whose sessions have their own queue, like that of a client library, with a
// bug when it is full.
func overflowMutant(bug string, size int, overflow func(c *queueSession,
	m transport.Message)) mutant[conformance.Harness] {
	return slowMutant(fmt.Sprintf("%s when more than %d wait", bug, size), memory.Config{}, func(b *bus) {
		b.session = func(s *session) {
			c := &queueSession{capacity: size, countBytes: size >= 1<<20, overflow: overflow,
				changed: make(chan struct{}, 1)}
			c.attach(s)
		}
	})
}

// blockingMutant returns a mutant in which a slow session disturbs others. The func lag returns how many
// messages wait for the slowest session.
func blockingMutant(bug string, config memory.Config, change func(b *bus, lag func() int)) mutant[conformance.Harness] {
	return slowMutant(bug, config, func(b *bus) {
		if change == nil {
			return
		}
		var mu sync.Mutex // guards the following fields
		waiting := make(map[*session]int)
		change(b, func() (most int) {
			mu.Lock()
			defer mu.Unlock()
			for _, n := range waiting {
				most = max(most, n)
			}
			return most
		})
		publish := b.publish
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			mu.Lock()
			for s := range waiting {
				waiting[s] += len(msgs)
			}
			mu.Unlock()
			return publish(ctx, msgs...)
		}
		b.session = func(s *session) {
			mu.Lock()
			waiting[s] = 0
			mu.Unlock()
			s.receive = func(ctx context.Context) (transport.Message, error) {
				m, err := s.Session.Receive(ctx)
				if err == nil {
					mu.Lock()
					waiting[s]--
					mu.Unlock()
				}
				return m, err
			}
			s.close = func(ctx context.Context) error {
				mu.Lock()
				delete(waiting, s)
				mu.Unlock()
				return s.Session.Close(ctx)
			}
		}
	})
}

func slowMutant(bug string, config memory.Config, change func(b *bus)) mutant[conformance.Harness] {
	if config.Patience == 0 {
		config.Buffer, config.Patience = 1<<17, 50*time.Millisecond
		config.BufferBytes = 1 << 30
	}
	return mutant[conformance.Harness]{"SlowSessionBlocksNobody", bug, func(*testing.T) conformance.Harness {
		h := (&busMedium{hub: memory.NewHubWithConfig(config)}).harness(change)
		shared := h.NewBus(nil)
		h.NewBus = func(testing.TB) transport.Bus { return shared }
		h.Patience = time.Second
		return h
	}}
}

func dropNewest(*queueSession, transport.Message) {}

func dropOldest(c *queueSession, m transport.Message) {
	c.queuedBytes -= len(c.queue[0].Payload)
	c.queue = append(c.queue[1:], m)
	c.queuedBytes += len(m.Payload)
}

// queueSession is a session with a goroutine that reads into a queue.
type queueSession struct {
	capacity   int
	countBytes bool // capacity counts bytes, not messages
	overflow   func(c *queueSession, m transport.Message)

	mu          sync.Mutex // guards the following fields
	queue       []transport.Message
	queuedBytes int // bytes
	dropped     int
	silent      bool
	err         error
	changed     chan struct{} // has an element when something has changed
}

func (c *queueSession) put(m transport.Message, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil || c.silent:
	case err != nil:
		c.err = err
	case c.countBytes && c.queuedBytes+len(m.Payload) > c.capacity || !c.countBytes && len(c.queue) >= c.capacity:
		c.overflow(c, m)
	default:
		c.queue = append(c.queue, m)
		c.queuedBytes += len(m.Payload)
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *queueSession) take() (m transport.Message, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return m, false, c.err
	}
	m, c.queue = c.queue[0], c.queue[1:]
	c.queuedBytes -= len(m.Payload)
	return m, true, nil
}

// attach replaces the methods of s by those of the queue.
func (c *queueSession) attach(s *session) {
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			m, err := s.Session.Receive(ctx)
			c.put(m, err)
			if err != nil {
				return
			}
		}
	})
	s.receive = func(ctx context.Context) (transport.Message, error) {
		for {
			if err := ctx.Err(); err != nil {
				return transport.Message{}, err
			}
			if m, ok, err := c.take(); ok || err != nil {
				return m, err
			}
			select {
			case <-c.changed:
			case <-ctx.Done():
			}
		}
	}
	s.close = func(ctx context.Context) error {
		err := s.Session.Close(ctx)
		cancel()
		reading.Wait()
		return err
	}
}
