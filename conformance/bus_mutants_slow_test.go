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
	overflowing("drops what is new", 64, dropNewest),
	overflowing("drops what is new", 100, dropNewest),
	overflowing("drops what is new", 256, dropNewest),
	overflowing("drops what is new", 1000, dropNewest),
	overflowing("drops what is new", 4096, dropNewest),
	overflowing("drops what is new", 6000, dropNewest),
	overflowing("drops what is old", 64, dropOldest),
	overflowing("drops what is old", 1000, dropOldest),
	overflowing("drops what is old", 4096, dropOldest),
	overflowing("drops everything and starts afresh", 256, func(c *client, m transport.Message) { c.queue = append(c.queue[:0], m) }),
	overflowing("drops every second message", 1000, func(c *client, m transport.Message) {
		if c.dropped++; c.dropped%2 == 0 {
			c.queue = append(c.queue, m)
		}
	}),
	overflowing("drops one message and ends much later", 1000, func(c *client, m transport.Message) {
		if c.dropped++; c.dropped > 3000 {
			c.err = errors.New("slow consumer")
		} else if c.dropped > 1 {
			c.queue = append(c.queue, m)
		}
	}),
	overflowing("falls silent", 4096, func(c *client, _ transport.Message) { c.silent = true }),
	overflowing("takes it for a cancellation", 1000, func(c *client, _ transport.Message) { c.err = context.Canceled }),
	overflowing("drops bytes", 1<<20, dropNewest),
	overflowing("drops bytes", 5<<20, dropOldest),
	holdingUp("waits for ever for a session with 64 messages", memory.Config{Buffer: 64, Patience: time.Hour}, nil),
	holdingUp("waits for ever for a session with 4096 messages", memory.Config{Buffer: 4096, Patience: time.Hour}, nil),
	holdingUp("waits for ever for a session with 5 MiB", memory.Config{BufferBytes: 5 << 20, Patience: time.Hour}, nil),
	holdingUp("waits for a second with each batch, while one session is slow", memory.Config{}, func(b *bus, lag func() int) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if lag() > 1000 {
				time.Sleep(time.Second)
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	holdingUp("fails while one session is slow", memory.Config{}, func(b *bus, lag func() int) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if lag() > 5000 {
				return errors.New("no buffer space available")
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	holdingUp("ends all sessions when one is slow", memory.Config{}, func(b *bus, lag func() int) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if lag() > 4096 {
				b.Hub.Sever(memory.ErrSlow)
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
}

// overflowing returns a mutant whose sessions have a queue of their own, as that of a client library, with a bug when it is full.
func overflowing(bug string, size int, overflow func(c *client, m transport.Message)) mutant[conformance.Harness] {
	return breaksSlowly(fmt.Sprintf("%s when more than %d wait", bug, size), memory.Config{}, func(b *bus) {
		b.session = func(s *session) {
			c := &client{most: size, bytes: size >= 1<<20, overflow: overflow, more: make(chan struct{}, 1)}
			c.run(s)
		}
	})
}

// holdingUp returns a mutant that does not leave a slow session alone. Lag tells how many messages wait for the slowest.
func holdingUp(bug string, config memory.Config, change func(b *bus, lag func() int)) mutant[conformance.Harness] {
	return breaksSlowly(bug, config, func(b *bus) {
		if change == nil {
			return
		}
		var mu sync.Mutex // guards what follows
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

func breaksSlowly(bug string, config memory.Config, change func(b *bus)) mutant[conformance.Harness] {
	if config.Patience == 0 {
		config.Buffer, config.Patience = 1<<17, 50*time.Millisecond
		config.BufferBytes = 1 << 30
	}
	return mutant[conformance.Harness]{"SlowSessionHoldsUpNobody", bug, func(*testing.T) conformance.Harness {
		h := (&mutation{hub: memory.NewHubWithConfig(config)}).harness(change)
		shared := h.NewBus(nil)
		h.NewBus = func(testing.TB) transport.Bus { return shared }
		h.Patience = time.Second
		return h
	}}
}

func dropNewest(*client, transport.Message) {}

func dropOldest(c *client, m transport.Message) {
	c.held -= len(c.queue[0].Payload)
	c.queue = append(c.queue[1:], m)
	c.held += len(m.Payload)
}

// client is a session with a goroutine that reads into a queue.
type client struct {
	most     int
	bytes    bool // most is bytes, not messages
	overflow func(c *client, m transport.Message)

	mu      sync.Mutex // guards what follows
	queue   []transport.Message
	held    int // bytes
	dropped int
	silent  bool
	err     error
	more    chan struct{} // has an element when something has changed
}

func (c *client) put(m transport.Message, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil || c.silent:
	case err != nil:
		c.err = err
	case c.bytes && c.held+len(m.Payload) > c.most || !c.bytes && len(c.queue) >= c.most:
		c.overflow(c, m)
	default:
		c.queue = append(c.queue, m)
		c.held += len(m.Payload)
	}
	select {
	case c.more <- struct{}{}:
	default:
	}
}

func (c *client) take() (m transport.Message, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return m, false, c.err
	}
	m, c.queue = c.queue[0], c.queue[1:]
	c.held -= len(m.Payload)
	return m, true, nil
}

// run makes s a session of the client.
func (c *client) run(s *session) {
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
			case <-c.more:
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
