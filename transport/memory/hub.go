// Package memory is the bus for one process: every node of the process shares one Hub. It serves tests, demos
// and servers that run on one machine today.
//
// # Delivery
//
// All sessions see the messages in one order, over all channels and publishers. A session has a bounded
// buffer: when it is full, Publish waits for room, but in all no longer than Config.Patience; then that session ends
// with ErrSlow and the others go on. So a message is lost only to a session that is told so.
//
// A Hub does no I/O and waits only on channels and timers, so it runs inside a testing/synctest bubble if it
// was made there. Sever, Fail, Stall and Heal simulate an outage.
package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/backplane-go/backplane/transport"
)

var _ transport.Bus = (*Hub)(nil)

// ErrSlow is the final error of a session that took too few messages while its buffer was full: see Config.Patience.
// The messages in the buffer are received before it, those that follow are lost.
var ErrSlow = errors.New("memory: the session is too slow, later messages are lost to it")

// Config configures a Hub. Its zero value is the default.
type Config struct {
	// Limits are enforced as a real bus would. The default is no limits.
	Limits transport.Limits
	// Buffer is how many messages a session holds that were not received yet. The default is 4096.
	Buffer int
	// BufferBytes bounds the same in bytes of payloads; a single message may have more. The default is 64 MiB.
	BufferBytes int
	// Patience is how long Publish waits, in all, for a session whose buffer is full, until it has received half of what its
	// buffer holds. Then the time starts anew. The default is 500 milliseconds.
	Patience time.Duration
}

func (c Config) withDefaults() Config {
	if c.Buffer <= 0 {
		c.Buffer = 4096
	}
	if c.BufferBytes <= 0 {
		c.BufferBytes = 64 << 20
	}
	if c.Patience <= 0 {
		c.Patience = 500 * time.Millisecond
	}
	return c
}

// Hub is an in-memory bus. Make it with NewHub and give it to every node. It holds no resources of its own:
// closing a node closes the node's session and leaves the hub to the others.
type Hub struct {
	config Config
	turn   chan struct{}                 // holds one element while somebody publishes: that makes the one order
	stall  atomic.Pointer[chan struct{}] // what Stall makes everybody wait for

	mu        sync.Mutex            // guards what follows; never held while waiting
	listeners map[string][]*session // by channel; the slices are replaced, never changed
	sessions  map[*session]struct{}
	failure   error
}

// NewHub returns a hub with the default configuration.
func NewHub() *Hub { return NewHubWithConfig(Config{}) }

// NewHubWithConfig returns a hub with the given configuration.
func NewHubWithConfig(config Config) *Hub {
	return &Hub{
		config:    config.withDefaults(),
		turn:      make(chan struct{}, 1),
		listeners: make(map[string][]*session),
		sessions:  make(map[*session]struct{}),
	}
}

// Limits returns Config.Limits.
func (h *Hub) Limits() transport.Limits { return h.config.Limits }

// Publish puts msgs into the buffer of every session that listens. A message that exceeds the limits is
// refused with a *transport.RejectedError; those before it were sent.
func (h *Hub) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	if err := h.stalled(ctx, nil); err != nil {
		return err
	}
	if err := h.takeTurn(ctx); err != nil {
		return err
	}
	defer func() { <-h.turn }()
	for i, m := range msgs {
		if i%1024 == 1023 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := h.check(m); err != nil {
			return &transport.RejectedError{Accepted: i, Err: err}
		}
		sessions, err := h.listening(m.Channel)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			if err := s.deliver(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// Open starts a session.
func (h *Hub) Open(ctx context.Context) (transport.Session, error) {
	if err := h.stalled(ctx, nil); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure != nil {
		return nil, h.failure
	}
	s := &session{
		hub:      h,
		queue:    make(chan transport.Message, h.config.Buffer),
		room:     make(chan struct{}, 1),
		ended:    make(chan struct{}),
		channels: make(map[string]struct{}),
	}
	h.sessions[s] = struct{}{}
	return s, nil
}

func (h *Hub) takeTurn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hub) listening(channel string) ([]*session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listeners[channel], h.failure
}

func (h *Hub) check(m transport.Message) error {
	if err := h.checkChannel(m.Channel); err != nil {
		return err
	}
	limits := h.config.Limits
	if limits.Payload > 0 && len(m.Payload) > limits.Payload {
		return fmt.Errorf("memory: a payload of %d bytes exceeds the limit of %d", len(m.Payload), limits.Payload)
	}
	if limits.Text && (!utf8.Valid(m.Payload) || bytes.IndexByte(m.Payload, 0) >= 0) {
		return errors.New("memory: the payload is not text: valid UTF-8 without NUL")
	}
	return nil
}

func (h *Hub) checkChannel(channel string) error {
	if max := h.config.Limits.Channel; max > 0 && len(channel) > max {
		return fmt.Errorf("memory: a channel name of %d bytes exceeds the limit of %d", len(channel), max)
	}
	if !utf8.ValidString(channel) || strings.IndexByte(channel, 0) >= 0 {
		return errors.New("memory: the channel name is not valid UTF-8 without NUL")
	}
	return nil
}
