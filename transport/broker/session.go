package broker

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var (
	_ transport.LogSession      = (*Session)(nil)
	_ transport.MultiListener   = (*Session)(nil)
	_ transport.MultiUnlistener = (*Session)(nil)
)

// ErrOverflow is the final error of a session whose queue was full. The messages in the queue are received
// before it.
var ErrOverflow = errors.New("broker: the session is read too slowly: its queue is full and later messages are lost")

var errUnexpectedConfirmation = errors.New("broker: Confirm was called, but nothing waits for a confirmation")

// Config tells a Session how to talk to its broker. The functions share a connection that is already open.
type Config struct {
	// Read reads from the broker until that fails. It calls Deliver for each message and Confirm for each
	// confirmation. It runs on its own goroutine and must return soon after Close was called. Its error becomes
	// the final error of the session; nil means io.EOF. If Read is nil, callbacks of a client library call
	// Deliver, Confirm and End.
	Read func(s *Session) error

	// Subscribe asks the broker for the messages of channels that the session does not listen to yet. It
	// returns how many calls of Confirm complete the request: one for each channel, as with Redis, or one for
	// all of them, as with NATS' PING. It returns 0 if the broker has already confirmed, as with a client
	// library that waits for the broker itself.
	//
	// Subscribe may wait until the broker accepts what it sends. It must return when ctx ends or when Close was
	// called. With a bare connection it need not observe ctx, because Close makes its Write fail. Required.
	Subscribe func(ctx context.Context, channels ...string) (confirmations int, err error)

	// Unsubscribe is the opposite of Subscribe, for channels that the session listens to. Required.
	Unsubscribe func(ctx context.Context, channels ...string) (confirmations int, err error)

	// Close closes the connection without waiting for the broker. It is called once, on its own goroutine, as
	// soon as the session has ended for any reason. Its error is ignored. Required.
	Close func() error

	// Probe asks the broker for a sign of life, such as NATS' PING or Redis' HELLO. It is called on its own goroutine
	// in each ProbeInterval, and returns without waiting for the answer, at the latest when ctx ends, as it does with
	// the session. Read, or a callback, calls Alive when the answer comes. If ten probes in a row have no answer, the
	// session ends with ErrSilent; if Probe returns an error, with that. An answer may also show that the broker is not
	// the right one any more: then end the session. Default: no probes, and a connection that is dead without being
	// closed is noticed by the operating system or by nobody.
	Probe func(ctx context.Context) error
	// ProbeInterval is the time between two probes. Default: 1 second.
	ProbeInterval time.Duration

	// Messages is the maximum number of messages that wait to be received. Default: 65,536.
	Messages int
	// Bytes is the maximum size of the waiting payloads and channel names in bytes. A single message may be
	// larger. Default: 64 MiB.
	Bytes int
}

func (c Config) withDefaults() Config {
	if c.Messages <= 0 {
		c.Messages = 1 << 16
	}
	if c.Bytes <= 0 {
		c.Bytes = 64 << 20
	}
	if c.ProbeInterval <= 0 {
		c.ProbeInterval = time.Second
	}
	return c
}

// Session is a transport.Session over a broker. Create it with NewSession. Deliver, DeliverRecord, Confirm, Alive
// and End are for the goroutines that read from the broker. They never block and are safe for concurrent use.
type Session struct {
	config   Config
	wake     chan struct{} // holds one element if something has changed; only one goroutine waits for it
	read     chan struct{} // closed when Read has returned
	probed   chan struct{} // closed when no more probes are sent
	released chan struct{} // closed when the session has ended and its goroutines and Close have returned

	unanswered atomic.Int32 // probes since the last answer
	stopProbes context.CancelFunc

	mu        sync.Mutex // guards the fields below
	queue     queue
	channels  map[string]struct{}
	awaited   int   // confirmations that Subscribe and Unsubscribe have announced so far
	confirmed int   // calls of Confirm so far
	err       error // why the session has ended
	closed    bool
	interrupt context.CancelFunc // ends the Subscribe or Unsubscribe in progress
}

// NewSession returns a session that does not listen to any channel yet, and starts Config.Read.
func NewSession(config Config) *Session {
	s := &Session{
		config:   config.withDefaults(),
		wake:     make(chan struct{}, 1),
		read:     make(chan struct{}),
		probed:   make(chan struct{}),
		released: make(chan struct{}),
		channels: make(map[string]struct{}),
	}
	probing, stop := context.WithCancel(context.Background()) // until the session ends
	s.stopProbes = stop
	if config.Probe == nil {
		close(s.probed)
	} else {
		go s.sendProbes(probing)
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

// Deliver queues a message. The payload then belongs to the session. Deliver never blocks: if the queue is
// full, the session ends with ErrOverflow. Deliver does nothing if the session has ended.
func (s *Session) Deliver(m transport.Message) { s.DeliverRecord(transport.Record{Message: m}) }

// DeliverRecord is Deliver for a bus that keeps messages: ReceiveRecord returns the record as it is.
func (s *Session) DeliverRecord(r transport.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	if s.queue.len() >= s.config.Messages || s.queue.len() > 0 && s.queue.bytes+size(&r) > s.config.Bytes {
		s.endLocked(ErrOverflow)
		return
	}
	s.queue.push(r)
	s.signal()
}

// Confirm reports that the broker has confirmed one request of Subscribe or Unsubscribe. If the broker refuses
// a request, end the session instead: return the error from Read, or call End.
func (s *Session) Confirm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed++
	s.signal()
}

// End ends the session with err: the connection is lost, the broker has refused a request, or the client
// library has dropped messages. Messages that were delivered before are still received. Only the first error
// counts; nil means io.EOF.
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
	s.stopProbes()
	if s.interrupt != nil {
		s.interrupt()
	}
	s.signal()
	go s.release() // on another goroutine: this may run in a callback of a library whose Close waits for its callbacks
}

func (s *Session) release() {
	_ = s.config.Close() // the session has ended: there is no caller to report the error to
	<-s.read
	<-s.probed
	close(s.released)
}

func (s *Session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Receive returns the next message. See transport.Session.
func (s *Session) Receive(ctx context.Context) (transport.Message, error) {
	r, err := s.ReceiveRecord(ctx)
	return r.Message, err
}

// ReceiveRecord returns the next message with what DeliverRecord said about it. See transport.LogSession.
func (s *Session) ReceiveRecord(ctx context.Context) (transport.Record, error) {
	for {
		if r, err, ok := s.next(ctx); ok {
			return r, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

// next returns the result of ReceiveRecord. ok is false if that has to wait.
func (s *Session) next(ctx context.Context) (r transport.Record, err error, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return r, transport.ErrClosed, true
	case ctx.Err() != nil:
		return r, ctx.Err(), true
	case s.queue.len() > 0:
		return s.queue.pop(), nil, true
	}
	return r, s.err, s.err != nil
}

// Close ends the session. It waits until the functions of Config have returned, which is soon, or until
// ctx has ended.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.queue = queue{}
	s.endLocked(transport.ErrClosed)
	s.signal()
	s.mu.Unlock()
	select {
	case <-s.released:
		return nil
	default:
	}
	select {
	case <-s.released:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
