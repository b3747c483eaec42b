// Package memory implements a bus within one process: every node of the process shares one Hub. It is meant for
// tests, demos and servers that run on a single machine.
//
// # Delivery
//
// All sessions see the messages in one order, across all channels and publishers. Each session has a bounded
// buffer. When a buffer is full, Publish waits for room, but no longer than Config.Patience in total. Then that
// session ends with ErrSlow and the others continue. So a session that loses a message always receives an
// error.
//
// A Hub does no I/O and waits only on channels and timers, so it works inside the testing/synctest bubble in
// which it was created. Sever, Fail, Stall and Heal simulate an outage.
//
// # Log
//
// A Hub is a transport.Log: it keeps what is passed to Append with Keep set, as long as the process runs, up to
// Config.LogBytes. If it has to make room, it removes the oldest messages of all channels. A single message may be
// larger. Each Hub has an epoch of its own. The channels share one sequence of offsets, so the offsets of a channel
// have gaps. FailLog, Lose, NewEpoch, Trim and TrimAll simulate faults.
//
// A Hub also keeps the sessions of clients: it implements storage.Sessions.
//
// The files of the package:
//
//	hub.go           the bus
//	session.go       sessions, their buffers, and Listen
//	listeners.go     listening to prefixes, and counting who listens
//	roster.go        names of those that are connected
//	outage.go        simulated outages
//	log.go           the methods of transport.Log
//	log_channels.go  kept messages, and how they are trimmed
//	log_damage.go    simulated faults of the log
//	fifo.go          a queue that can be read by index
//	clients.go       the methods of storage.Sessions
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

	storagememory "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
)

var _ transport.Bus = (*Hub)(nil)

// ErrSlow is the final error of a session that received too few messages while its buffer was full: see
// Config.Patience. The messages in the buffer are received before it, and later messages are lost.
var ErrSlow = errors.New("memory: the session is too slow: its buffer is full and later messages are lost")

// Config configures a Hub. Its zero value is the default.
type Config struct {
	// Limits are enforced as on a real bus. Default: no limits.
	Limits transport.Limits
	// Buffer is the number of messages that a session holds until they are received. Default: 4096.
	Buffer int
	// BufferBytes limits the same buffer by the size of the payloads in bytes. A single message may be larger.
	// Default: 64 MiB.
	BufferBytes int
	// Patience is how long Publish waits in total for a session whose buffer is full. The time starts anew when
	// the session has received half of what its buffer holds. Default: 500 ms.
	Patience time.Duration
	// LogBytes limits the memory for kept messages: the sum of their payloads, and 128 bytes of overhead for each.
	// Default: 64 MiB.
	LogBytes int64
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
	if c.LogBytes <= 0 {
		c.LogBytes = 64 << 20
	}
	return c
}

// Hub is an in-memory bus, a transport.Counter, a transport.PrefixListener, a transport.Roster, a transport.Log and a
// storage.Sessions. Create it with NewHub and pass
// it to every node. It holds no resources: closing a node closes its session and does not affect the hub.
type Hub struct {
	config Config
	slot   chan struct{}                 // holds one element while a goroutine publishes: this makes the order global
	stall  atomic.Pointer[chan struct{}] // closed by Heal; nil unless the hub is stalled

	mu        sync.Mutex            // guards the fields below; never held while waiting
	listeners map[string][]*session // by channel or PrefixName; the slices are replaced, never modified
	prefixes  map[string]string     // the prefixes of the names among them
	sessions  map[*session]struct{}
	entries   map[*entry]struct{}
	entered   int // number of entries that there have ever been
	opened    int // number of sessions that there have ever been
	failure   error
	log       hubLog

	logFailure error                                      // see FailLog
	lose       func(session int, r transport.Record) bool // see Lose

	clients *storagememory.Sessions
}

// NewHub returns a hub with the default configuration.
func NewHub() *Hub { return NewHubWithConfig(Config{}) }

// NewHubWithConfig returns a hub with the given configuration.
func NewHubWithConfig(config Config) *Hub {
	config = config.withDefaults()
	return &Hub{
		config:    config,
		slot:      make(chan struct{}, 1),
		listeners: make(map[string][]*session),
		prefixes:  make(map[string]string),
		sessions:  make(map[*session]struct{}),
		entries:   make(map[*entry]struct{}),
		log:       newHubLog(config.LogBytes),
		clients:   storagememory.NewSessions(),
	}
}

// Limits returns Config.Limits.
func (h *Hub) Limits() transport.Limits { return h.config.Limits }

// Publish puts msgs into the buffer of every session that listens. It refuses a message that exceeds the limits
// with a *transport.RejectedError; the messages before it were sent.
func (h *Hub) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	if err := h.waitForHeal(ctx, nil); err != nil {
		return err
	}
	if err := h.acquire(ctx); err != nil {
		return err
	}
	defer func() { <-h.slot }()
	for i, m := range msgs {
		if i%1024 == 1023 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := h.check(m); err != nil {
			return &transport.RejectedError{Accepted: i, Err: err}
		}
		if err := h.publish(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// publish puts m into the buffer of every session that listens. The caller holds h.slot.
func (h *Hub) publish(ctx context.Context, m transport.Message) error {
	sessions, err := h.listenersOf(m.Channel)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if err := s.deliver(ctx, m); err != nil {
			return err
		}
	}
	return h.publishToPrefixes(ctx, m)
}

// Open starts a session.
func (h *Hub) Open(ctx context.Context) (transport.Session, error) {
	s, err := h.open(ctx, false)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (h *Hub) open(ctx context.Context, logged bool) (*session, error) {
	if err := h.waitForHeal(ctx, nil); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure != nil {
		return nil, h.failure
	}
	h.opened++
	s := &session{
		hub:      h,
		number:   h.opened,
		room:     make(chan struct{}, 1),
		ended:    make(chan struct{}),
		channels: make(map[string]struct{}),
	}
	if logged {
		s.records = make(chan transport.Record, h.config.Buffer)
	} else {
		s.queue = make(chan transport.Message, h.config.Buffer)
	}
	h.sessions[s] = struct{}{}
	return s, nil
}

func (h *Hub) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.slot <- struct{}{}:
		return nil
	default:
	}
	select {
	case h.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hub) listenersOf(channel string) ([]*session, error) {
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
