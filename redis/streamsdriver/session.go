package streamsdriver

import (
	"context"
	"sync"

	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// session receives from channels and from streams. When one of its connections breaks, the whole session ends.
type session struct {
	driver   *Driver
	log      bool              // it returns positions
	channels transport.Session // used by one goroutine at a time, which holds turn
	turn     sync.Mutex        // locked before mu
	queries  *broker.Publisher // asks where streams end
	failed   chan error        // the first error of a connection
	ctx      context.Context
	cancel   context.CancelFunc // when the session ends

	mu        sync.Mutex                  // guards all below
	to        *broker.Session             // nil until it reads
	readers   map[string]*reader          // by stream
	listens   map[string]transport.Offset // up to where entries of a channel were received, or were there before
	interrupt context.CancelFunc          // ends the Receive call of channels
	changes   int                         // calls that wait for turn
	closed    bool
	group     sync.WaitGroup // the goroutines that read
}

// Open connects to the server. See transport.Bus.
func (d *Driver) Open(ctx context.Context) (transport.Session, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (d *Driver) open(ctx context.Context, log bool) (*broker.Session, error) {
	if err := d.checkClient(); err != nil {
		return nil, err
	}
	channels, err := d.channels.Open(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{driver: d, log: log, channels: channels, failed: make(chan error, 1),
		readers: make(map[string]*reader), listens: make(map[string]transport.Offset)}
	s.queries = broker.NewPublisher(d.primary.Dialer())
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return broker.NewSession(broker.Config{Read: s.read, Subscribe: s.subscribe, Unsubscribe: s.unsubscribe,
		Close: s.close}), nil
}

// read reads from all connections until one breaks. See broker.Config.
func (s *session) read(to *broker.Session) error {
	s.mu.Lock()
	s.to = to
	for _, r := range s.readers {
		s.start(r)
	}
	s.mu.Unlock()
	s.group.Go(func() { s.fail(s.receive(to)) })
	err := <-s.failed
	_ = s.close()
	s.group.Wait()
	_ = s.channels.Close(context.Background()) // soon, because the connection is closed
	return err
}

// receive passes on what is published, until the connection breaks. It pauses for those who change what the connection
// listens to.
func (s *session) receive(to *broker.Session) error {
	for {
		s.turn.Lock()
		ctx, interrupt := context.WithCancel(s.ctx)
		s.mu.Lock()
		if s.interrupt = interrupt; s.changes > 0 {
			interrupt()
		}
		s.mu.Unlock()
		m, err := s.channels.Receive(ctx)
		for ; err == nil; m, err = s.channels.Receive(ctx) {
			to.Deliver(m)
		}
		interrupted := ctx.Err() != nil && s.ctx.Err() == nil
		interrupt()
		s.turn.Unlock()
		if !interrupted {
			return err
		}
	}
}

// change calls f, which changes what the connection for channels listens to, while nobody receives from it.
func (s *session) change(f func() error) error {
	s.mu.Lock()
	s.changes++
	if s.interrupt != nil {
		s.interrupt()
	}
	s.mu.Unlock()
	s.turn.Lock()
	defer s.turn.Unlock()
	err := f()
	s.mu.Lock()
	s.changes--
	s.mu.Unlock()
	return err
}

// start makes a goroutine read a stream. The caller holds mu.
func (s *session) start(r *reader) {
	to := s.to
	s.group.Go(func() {
		err := r.read(to)
		s.driver.primary.Lost(err)
		s.fail(err)
	})
}

// fail ends the session.
func (s *session) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// close closes all connections.
func (s *session) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.cancel()
	for _, r := range s.readers {
		_ = r.conn.Close()
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.queries.Close(ended)
	_ = s.channels.Close(ended) // its connection is closed at once; read waits for the rest
	s.fail(transport.ErrClosed)
	return nil
}

// subscribe begins to read streams, and listens to channels. It waits for the server itself.
func (s *session) subscribe(ctx context.Context, channels ...string) (confirmations int, err error) {
	published, entries := split(channels)
	for _, channel := range entries {
		stream, _, _ := streamentry.Parse(channel)
		if err := s.readStream(ctx, stream, channel); err != nil {
			return 0, err
		}
	}
	return 0, s.change(func() error { return s.channels.(transport.MultiListener).ListenAll(ctx, published...) })
}

// unsubscribe is the opposite of subscribe. A stream is read as long as the session lives.
func (s *session) unsubscribe(ctx context.Context, channels ...string) (confirmations int, err error) {
	published, entries := split(channels)
	s.mu.Lock()
	for _, channel := range entries {
		delete(s.listens, channel)
	}
	s.mu.Unlock()
	s.driver.mu.Lock()
	for _, channel := range entries {
		delete(s.driver.marks, channel)
	}
	s.driver.mu.Unlock()
	return 0, s.change(func() error {
		for _, channel := range published {
			if err := s.channels.Unlisten(ctx, channel); err != nil {
				return err
			}
		}
		return nil
	})
}

// split returns the channels on which messages are published, and those whose messages are entries.
func split(channels []string) (published, entries []string) {
	for _, channel := range channels {
		if isEntry(channel) {
			entries = append(entries, channel)
		} else {
			published = append(published, channel)
		}
	}
	return published, entries
}

// readStream opens a connection that reads the stream of a channel, unless there is one.
func (s *session) readStream(ctx context.Context, stream, channel string) error {
	s.mu.Lock()
	r := s.readers[stream]
	s.mu.Unlock()
	if r == nil {
		var err error
		if r, err = s.open(ctx, stream); err != nil {
			return err
		}
	}
	if err := r.listen(ctx, channel); err != nil {
		if s.owns(r) {
			return err
		}
		r.conn.Close()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers[stream] == r {
		return nil
	}
	if s.closed {
		r.conn.Close()
		return transport.ErrClosed
	}
	s.readers[stream] = r
	if s.to != nil {
		s.start(r)
	}
	return nil
}

// owns reports whether the session closes the connection of a reader.
func (s *session) owns(r *reader) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readers[r.stream] == r
}

// received returns the record of an entry. It returns false if the session does not listen to its channel, or if the
// entry was there before it did.
func (s *session) received(m transport.Message, epoch string, at transport.Offset) (r transport.Record, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, listens := s.listens[m.Channel]
	if !listens || at.Compare(last) <= 0 {
		return r, false
	}
	s.listens[m.Channel] = at
	r.Message = m
	if s.log {
		r.Keep, r.Epoch, r.Offset, r.Previous = true, epoch, at, last
	}
	return r, true
}
