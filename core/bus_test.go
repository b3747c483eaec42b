package core_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/transport"
)

// faults replace methods of a bus: each function, unless nil, is called in place of the method of its name.
type faults struct {
	publish func(ctx context.Context, next transport.Bus, msgs []transport.Message) error
	open    func(ctx context.Context, next transport.Bus) (transport.Session, error)
	close   func(ctx context.Context) error
	receive func(ctx context.Context, s transport.Session) (transport.Message, error)
	listen  func(ctx context.Context, s transport.Session, channel string) error
	// listenAll, if set when a session is opened, makes it a transport.MultiListener.
	listenAll func(ctx context.Context, s transport.Session, channels []string) error
}

// bus is a bus with faults.
type bus struct {
	transport.Bus
	opened atomic.Int64 // sessions

	mu sync.Mutex // guards all below
	faults
	batches  [][]transport.Message
	sessions []*session
}

// fault replaces all faults of the bus.
func (b *bus) fault(f faults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = f
}

// refuse makes opening a session fail.
func (b *bus) refuse() {
	b.fault(faults{open: func(context.Context, transport.Bus) (transport.Session, error) { return nil, errBroken }})
}

// heal removes all faults.
func (b *bus) heal() { b.fault(faults{}) }

func (b *bus) now() faults {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.faults
}

func (b *bus) Publish(ctx context.Context, msgs ...transport.Message) error {
	kept := make([]transport.Message, len(msgs))
	for i, m := range msgs {
		kept[i] = transport.Message{Channel: m.Channel, Payload: append([]byte(nil), m.Payload...)}
	}
	b.mu.Lock()
	b.batches = append(b.batches, kept)
	b.mu.Unlock()
	if publish := b.now().publish; publish != nil {
		return publish(ctx, b.Bus, msgs)
	}
	return b.Bus.Publish(ctx, msgs...)
}

// sizes returns how many messages each batch had.
func (b *bus) sizes() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sizes []int
	for _, batch := range b.batches {
		sizes = append(sizes, len(batch))
	}
	return sizes
}

func (b *bus) Open(ctx context.Context) (transport.Session, error) {
	b.opened.Add(1)
	open := b.now().open
	if open == nil {
		open = func(ctx context.Context, next transport.Bus) (transport.Session, error) { return next.Open(ctx) }
	}
	inner, err := open(ctx, b.Bus)
	if err != nil {
		return nil, err
	}
	s := &session{Session: inner, bus: b, severed: make(chan struct{})}
	b.mu.Lock()
	b.sessions = append(b.sessions, s)
	b.mu.Unlock()
	if b.now().listenAll != nil {
		return multiSession{s}, nil
	}
	return s, nil
}

func (b *bus) Close(ctx context.Context) error {
	if close := b.now().close; close != nil {
		return close(ctx)
	}
	return nil
}

// sever ends all sessions of this bus, but not those of other buses on the same hub, with err.
func (b *bus) sever(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sessions {
		s.end(err)
	}
	b.sessions = nil
}

// muffle makes the open sessions receive nothing any more, without an error, like a proxy that drops bytes.
func (b *bus) muffle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sessions {
		s.mu.Lock()
		heard := slices.Collect(maps.Keys(s.heard))
		s.mu.Unlock()
		for _, channel := range heard {
			_ = s.Session.Unlisten(context.Background(), channel)
		}
	}
}

// unclosed returns how many sessions were not closed.
func (b *bus) unclosed() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sessions {
		s.mu.Lock()
		if !s.closed {
			n++
		}
		s.mu.Unlock()
	}
	return n
}

// listening returns the channels of the open sessions, without those of the heartbeats of processes.
func (b *bus) listening() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, s := range b.sessions {
		all = append(all, s.channels()...)
	}
	return all
}

type session struct {
	transport.Session
	bus     *bus
	severed chan struct{}

	mu     sync.Mutex // guards all below
	err    error
	heard  map[string]bool
	closed bool
}

func (s *session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.severed)
	}
}

func (s *session) channels() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	for channel, on := range s.heard {
		if on && !strings.HasSuffix(channel, "#*") {
			all = append(all, channel)
		}
	}
	return all
}

func (s *session) note(channel string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heard == nil {
		s.heard = make(map[string]bool)
	}
	s.heard[channel] = on
}

func (s *session) fate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *session) Listen(ctx context.Context, channel string) error {
	if err := s.fate(); err != nil {
		return err
	}
	if listen := s.bus.now().listen; listen != nil {
		if err := listen(ctx, s.Session, channel); err != nil {
			return err
		}
	} else if err := s.Session.Listen(ctx, channel); err != nil {
		return err
	}
	s.note(channel, true)
	return nil
}

func (s *session) Unlisten(ctx context.Context, channel string) error {
	if err := s.fate(); err != nil {
		return err
	}
	if err := s.Session.Unlisten(ctx, channel); err != nil {
		return err
	}
	s.note(channel, false)
	return nil
}

func (s *session) Receive(ctx context.Context) (transport.Message, error) {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-s.severed:
			cancel()
		case <-stop:
		}
	}()
	receive := s.bus.now().receive
	if receive == nil {
		receive = func(ctx context.Context, next transport.Session) (transport.Message, error) {
			return next.Receive(ctx)
		}
	}
	m, err := receive(bounded, s.Session)
	if fate := s.fate(); fate != nil {
		return transport.Message{}, fate
	}
	return m, err
}

func (s *session) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.Session.Close(ctx)
}

// multiSession is a session that can listen to many channels at once.
type multiSession struct{ *session }

func (s multiSession) ListenAll(ctx context.Context, channels ...string) error {
	if err := s.fate(); err != nil {
		return err
	}
	if listenAll := s.bus.now().listenAll; listenAll != nil {
		if err := listenAll(ctx, s.Session, channels); err != nil {
			return err
		}
	} else if err := s.Session.(transport.MultiListener).ListenAll(ctx, channels...); err != nil {
		return err
	}
	for _, channel := range channels {
		s.note(channel, true)
	}
	return nil
}
