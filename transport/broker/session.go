package broker

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/backplane-go/backplane/transport"
)

var (
	_ transport.Session       = (*Session)(nil)
	_ transport.MultiListener = (*Session)(nil)
)

// ErrOverflow is the final error of a session whose queue was full. What is in the queue is received before it.
var ErrOverflow = errors.New("broker: the session is read too slowly: its queue is full, later messages are lost to it")

var errUnasked = errors.New("broker: Confirm was called, but nothing waits for a confirmation")

// Config tells a Session how to speak with its broker. The functions share a connection that is open already.
type Config struct {
	// Read reads from the broker until that fails, and calls Deliver for each message and Confirm for each confirmation. It runs on a
	// goroutine of its own and returns soon after Close was called. Its error is the final one of the session; nil stands for io.EOF.
	// If Read is nil, callbacks of a client library call Deliver, Confirm and End.
	Read func(s *Session) error

	// Subscribe asks the broker for the messages of channels that the session does not listen to yet. It returns how many calls of
	// Confirm will tell that the broker has dealt with that: one for each channel, as in Redis, or one for all of them, as with NATS' PING.
	// It returns 0 if the broker has confirmed already, as a client library does that waits itself.
	//
	// It may wait until the broker accepts what it sends. It returns when ctx ends or when Close was called: a bare connection need not
	// look at ctx, because Close makes its Write fail. Required.
	Subscribe func(ctx context.Context, channels ...string) (confirmations int, err error)

	// Unsubscribe is the opposite of Subscribe, for channels that the session listens to. Required.
	Unsubscribe func(ctx context.Context, channels ...string) (confirmations int, err error)

	// Close closes the connection, without a goodbye that waits for the broker. It is called once, on a goroutine of its own, as soon
	// as the session has ended for any reason. Its error is ignored. Required.
	Close func() error

	// Messages is how many messages wait to be received at most. The default is 65,536.
	Messages int
	// Bytes is how many bytes of payloads and channel names wait at most. A single message may have more. The default is 64 MiB.
	Bytes int
}

func (c Config) withDefaults() Config {
	if c.Messages <= 0 {
		c.Messages = 1 << 16
	}
	if c.Bytes <= 0 {
		c.Bytes = 64 << 20
	}
	return c
}

// Session is a transport.Session over a broker. Make it with NewSession. Deliver, Confirm and End are for the goroutines that
// read from the broker; they never wait and may be called by several goroutines at the same time.
type Session struct {
	config Config
	wake   chan struct{} // holds one element if something has changed: only one goroutine waits for that
	read   chan struct{} // closed once Read has returned
	freed  chan struct{} // closed once the session has ended, and Read and Close have returned

	mu        sync.Mutex // guards what follows
	queue     queue
	channels  map[string]struct{}
	awaited   int   // confirmations so far that somebody has waited for
	confirmed int   // calls of Confirm so far
	err       error // why the session has ended
	closed    bool
	interrupt context.CancelFunc // ends the Subscribe or Unsubscribe that is under way
}

// NewSession returns a session that listens to nothing yet, and starts Config.Read.
func NewSession(config Config) *Session {
	s := &Session{
		config:   config.withDefaults(),
		wake:     make(chan struct{}, 1),
		read:     make(chan struct{}),
		freed:    make(chan struct{}),
		channels: make(map[string]struct{}),
	}
	if config.Read == nil {
		close(s.read)
		return s
	}
	go func() {
		defer close(s.read)
		s.End(config.Read(s))
	}()
	return s
}

// Deliver queues a message, whose payload belongs to the session from then on. It never waits: a full queue ends the session
// with ErrOverflow. Nothing is delivered to a session that has ended.
func (s *Session) Deliver(m transport.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	if s.queue.len() >= s.config.Messages || s.queue.len() > 0 && s.queue.bytes+size(m) > s.config.Bytes {
		s.endLocked(ErrOverflow)
		return
	}
	s.queue.push(m)
	s.signal()
}

// Confirm tells that the broker has confirmed something that Subscribe or Unsubscribe has asked for. A broker that refuses instead
// ends the session: return the error from Read, or call End.
func (s *Session) Confirm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed++
	s.signal()
}

// End ends the session with err, because the connection is lost, the broker has refused something or the client library has dropped
// messages. What was delivered before is still received. The first error counts; nil stands for io.EOF.
func (s *Session) End(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(err)
}

func (s *Session) endLocked(err error) {
	if s.err != nil {
		return
	}
	if err == nil {
		err = io.EOF
	}
	s.err = err
	if s.interrupt != nil {
		s.interrupt()
	}
	s.signal()
	go s.free() // not here: a client library that waits for its callbacks may be calling us from one
}

func (s *Session) free() {
	_ = s.config.Close() // there is nobody left who could do something about it
	<-s.read
	close(s.freed)
}

func (s *Session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Receive returns the next message. See transport.Session.
func (s *Session) Receive(ctx context.Context) (transport.Message, error) {
	for {
		if m, err, ok := s.next(ctx); ok {
			return m, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

// next returns what Receive returns, if there is something to return yet.
func (s *Session) next(ctx context.Context) (m transport.Message, err error, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return m, transport.ErrClosed, true
	case ctx.Err() != nil:
		return m, ctx.Err(), true
	case s.queue.len() > 0:
		return s.queue.pop(), nil, true
	}
	return m, s.err, s.err != nil
}

// Close ends the session and waits until Config.Read and Config.Close have returned, or ctx has ended; they return soon in any case.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.queue = queue{}
	s.endLocked(transport.ErrClosed)
	s.signal()
	s.mu.Unlock()
	select {
	case <-s.freed:
		return nil
	default:
	}
	select {
	case <-s.freed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
