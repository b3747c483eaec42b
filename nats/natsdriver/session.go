package natsdriver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// errPrefix means that a session cannot listen to a prefix of names: a wildcard of NATS stands for whole tokens.
var errPrefix = errors.New("natsdriver: a session cannot listen to a prefix of names")

// session receives over a connection.
type session struct {
	driver *Driver
	link   *server.Link

	mu       sync.Mutex // guards all below
	lastID   int
	channels map[int]string // by the id of the subscription
	ids      map[string]int // the same the other way round
	sights   map[string]sight
	logged   bool // it is one of OpenLog
}

// Open connects to a server. See transport.Bus.
func (d *Driver) Open(ctx context.Context) (transport.Session, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (d *Driver) open(ctx context.Context, logged bool) (*broker.Session, error) {
	c, err := d.sessions.Dialer().Connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{
		driver: d, link: c.Conn.(*server.Link), channels: make(map[int]string), ids: make(map[string]int),
		sights: make(map[string]sight), logged: logged,
	}
	config := broker.Config{Subscribe: s.subscribe, Unsubscribe: s.unsubscribe}
	opened := s.link.NewSession(config, s.deliver, func(err error) error { return err })
	if logged {
		if err := s.hearElections(ctx); err != nil {
			return nil, errors.Join(err, opened.Close(context.WithoutCancel(ctx)))
		}
	}
	return opened, nil
}

func (s *session) deliver(to *broker.Session, m server.Message) {
	if m.ID == leaders {
		to.End(ErrLeader)
		return
	}
	s.mu.Lock()
	channel, ok := s.channels[m.ID]
	s.mu.Unlock()
	switch {
	case !ok:
	case m.Header != nil:
		s.deliverHeaded(to, channel, &m)
	default:
		to.Deliver(transport.Message{Channel: channel, Payload: m.Payload})
	}
}

// subscribe waits until all servers of the NATS cluster know of the subscriptions.
func (s *session) subscribe(ctx context.Context, channels ...string) (int, error) {
	var b []byte
	s.mu.Lock()
	for _, channel := range channels {
		if _, ok := transport.CutPrefixName(channel); ok {
			s.mu.Unlock()
			return 0, errPrefix
		}
		s.lastID++
		s.channels[s.lastID], s.ids[channel] = channel, s.lastID
		b = fmt.Appendf(b, "SUB %s %d\r\n", s.driver.subject(channel), s.lastID)
	}
	s.mu.Unlock()
	errs, err := s.link.Confirm(ctx, b)
	return 0, errors.Join(append(errs, err)...)
}

// unsubscribe waits until this server knows: it is the one that sends the messages.
func (s *session) unsubscribe(ctx context.Context, channels ...string) (int, error) {
	var b []byte
	s.mu.Lock()
	for _, channel := range channels {
		b = fmt.Appendf(b, "UNSUB %d\r\n", s.ids[channel])
		delete(s.channels, s.ids[channel])
		delete(s.ids, channel)
		delete(s.sights, channel)
	}
	s.mu.Unlock()
	errs, err := s.link.RoundTrip(ctx, b)
	return 0, errors.Join(append(errs, err)...)
}
