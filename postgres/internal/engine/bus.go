package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// Bus is the transport.Bus of both drivers.
type Bus struct {
	dialer Dialer
	fence  string // what a connection runs before it publishes

	// turn holds one token: who has it may use publisher, link and batcher. A channel, because waiting for it
	// has to end with the context.
	turn      chan struct{}
	publisher Publisher
	link      *Link
	batcher   *batcher

	mu       sync.Mutex // guards the fields below
	current  *Link      // of the publishing connection, also while it is dialled, for Close to cut
	closing  int        // calls of Close whose context has ended: nothing is dialled
	sessions map[*Session]struct{}
}

// NewBus returns a bus on the connections that dialer opens. It does no I/O.
func NewBus(dialer Dialer) *Bus {
	return &Bus{
		dialer:   dialer,
		fence:    newFence(),
		turn:     make(chan struct{}, 1),
		batcher:  newBatcher(),
		sessions: make(map[*Session]struct{}),
	}
}

// limits are what NOTIFY accepts.
var limits = transport.Limits{Payload: postgres.MaxPayload, Channel: postgres.MaxName, Text: true, Distinct: true}

// Limits returns what NOTIFY accepts.
func (b *Bus) Limits() transport.Limits { return limits }

// Publish implements transport.Bus.
func (b *Bus) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return notSent(err)
	}
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return notSent(ctx.Err())
	}
	defer func() { <-b.turn }()
	if b.publisher == nil {
		if err := b.dial(ctx); err != nil {
			return notSent(err)
		}
	}
	stop := b.link.CutWhen(ctx)
	accepted, intact, err := b.send(msgs)
	whole := stop()
	switch {
	case err == nil && whole:
		return nil
	case err == nil: // everything was sent, and the connection cut right after it
		b.drop()
		return nil
	case intact && whole:
		return &transport.RejectedError{Accepted: accepted, Err: explain(err)}
	default:
		b.drop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return explain(err)
	}
}

func notSent(err error) error { return fmt.Errorf("%w (%w)", err, transport.ErrNotSent) }

// send hands msgs to the publisher in rounds.
func (b *Bus) send(msgs []transport.Message) (accepted int, intact bool, err error) {
	for accepted < len(msgs) {
		batches, n := b.batcher.round(msgs[accepted:])
		committed, intact, err := b.publisher.Notify(batches)
		if err != nil {
			for _, batch := range batches[:committed] {
				accepted += batch.Items
			}
			return accepted, intact, err
		}
		accepted += n
	}
	return accepted, true, nil
}

func (b *Bus) dial(ctx context.Context) error {
	link := new(Link)
	b.mu.Lock()
	if b.closing > 0 {
		b.mu.Unlock()
		return transport.ErrClosed
	}
	b.current = link
	b.mu.Unlock()
	stop := link.CutWhen(ctx)
	publisher, err := b.dialer.DialPublisher(ctx, link)
	link.Seal()
	if err != nil {
		stop()
		link.Cut()
		return unreachable(ctx, err)
	}
	err = publisher.Exec(b.fence)
	if whole := stop(); !whole {
		err = ctx.Err()
	}
	if err != nil {
		link.Cut()
		publisher.Close()
		return fmt.Errorf("%w: %w", postgres.ErrUnfenced, err)
	}
	b.publisher, b.link = publisher, link
	return nil
}

// drop gives the publishing connection up without a word to the server, which may not be listening.
func (b *Bus) drop() {
	b.link.Cut()
	b.publisher.Close()
	b.publisher, b.link = nil, nil
}

// Close implements transport.Closer. It waits for a Publish under way until ctx ends, then cuts it.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	sessions := slices.Collect(maps.Keys(b.sessions))
	b.mu.Unlock()
	for _, s := range sessions {
		s.link.Cut()
	}
	var err error
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		err = ctx.Err()
		b.takeTurnNow()
	}
	defer func() { <-b.turn }()
	if b.publisher == nil {
		return err
	}
	stop := b.link.CutWhen(ctx)
	b.publisher.Close()
	stop()
	b.link.Cut()
	b.publisher, b.link = nil, nil
	return err
}

// takeTurnNow cuts the connection of the Publish under way, and keeps those that wait behind it from dialling
// another one.
func (b *Bus) takeTurnNow() {
	b.mu.Lock()
	b.closing++
	current := b.current
	b.mu.Unlock()
	if current != nil {
		current.Cut()
	}
	b.turn <- struct{}{}
	b.mu.Lock()
	b.closing--
	b.mu.Unlock()
}

// Open implements transport.Bus.
func (b *Bus) Open(ctx context.Context) (transport.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Session{bus: b, link: new(Link)}
	stop := s.link.CutWhen(ctx)
	listener, err := b.dialer.DialListener(ctx, s.link, s.deliver)
	s.link.Seal()
	whole := stop()
	if err == nil && !whole {
		err = ctx.Err()
		listener.Close()
	}
	if err != nil {
		s.link.Cut()
		return nil, unreachable(ctx, err)
	}
	s.listener = listener
	b.mu.Lock()
	b.sessions[s] = struct{}{}
	b.mu.Unlock()
	return s, nil
}

func (b *Bus) forget(s *Session) {
	b.mu.Lock()
	delete(b.sessions, s)
	b.mu.Unlock()
}
