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
	if b.publisher != nil && !b.link.Alive(ctx, b.publisher.Ping) {
		b.drop()
	}
	sent := 0
	for made := 1; ; made++ {
		if b.publisher == nil {
			switch ended, err := b.dial(ctx); {
			case ended && Again(ctx, made):
				continue
			case err != nil:
				return unsent(sent, err)
			}
		}
		accepted, fate, err := b.attempt(ctx, msgs[sent:])
		sent += accepted
		switch {
		case err == nil:
			return nil
		case fate == Refused:
			return &transport.RejectedError{Accepted: sent, Err: err}
		case fate == Open:
			return err
		case !Again(ctx, made):
			return unsent(sent, err)
		}
		// The connection was gone, and the server has not seen the rest of msgs: they go over another one.
	}
}

// attempt sends msgs over the connection there is, and gives it up if that breaks. accepted were certainly sent; the fate is that of
// the others.
func (b *Bus) attempt(ctx context.Context, msgs []transport.Message) (accepted int, fate Fate, err error) {
	stop := b.link.CutWhen(ctx)
	accepted, fate, err = b.send(msgs)
	whole := stop()
	switch {
	case err == nil && whole:
		return accepted, fate, nil
	case err == nil: // everything was sent, and the connection cut right after it
		b.drop()
		return accepted, fate, nil
	case fate == Refused && whole:
		return accepted, fate, explain(err)
	case fate == Refused:
		fate = Open
	}
	b.drop()
	if ctx.Err() != nil {
		return accepted, fate, ctx.Err()
	}
	return accepted, fate, explain(err)
}

// unsent is the error when exactly the first sent messages were sent, for a reason that has nothing to do with the others.
func unsent(sent int, err error) error {
	if sent > 0 {
		return &transport.RejectedError{Accepted: sent, Err: err}
	}
	return notSent(err)
}

func notSent(err error) error { return fmt.Errorf("%w (%w)", err, transport.ErrNotSent) }

// send hands msgs to the publisher in rounds.
func (b *Bus) send(msgs []transport.Message) (accepted int, fate Fate, err error) {
	for accepted < len(msgs) {
		batches, n := b.batcher.round(msgs[accepted:])
		committed, fate, err := b.publisher.Notify(batches)
		if err != nil {
			for _, batch := range batches[:committed] {
				accepted += batch.Items
			}
			return accepted, fate, err
		}
		accepted += n
	}
	return accepted, Refused, nil
}

// dial opens a connection to publish on. ended: it stood, but broke before it could be used.
func (b *Bus) dial(ctx context.Context) (ended bool, err error) {
	link := new(Link)
	b.mu.Lock()
	if b.closing > 0 {
		b.mu.Unlock()
		return false, transport.ErrClosed
	}
	b.current = link
	b.mu.Unlock()
	stop := link.CutWhen(ctx)
	publisher, err := b.dialer.DialPublisher(ctx, link)
	link.Seal()
	if err != nil {
		stop()
		link.Cut()
		return link.Untouched(), unreachable(ctx, err)
	}
	intact, err := publisher.Exec(Publishing + ";\n" + b.fence)
	if err != nil && intact { // it may be the settings that are refused
		intact, err = publisher.Exec(b.fence)
	}
	if whole := stop(); !whole {
		err = ctx.Err()
	}
	if err != nil {
		link.Cut()
		publisher.Close()
		return !intact, fmt.Errorf("%w: %w", postgres.ErrUnfenced, err)
	}
	b.publisher, b.link = publisher, link
	return false, nil
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
	if err == nil {
		var intact bool
		if intact, err = listener.Exec(Listening); intact {
			err = nil // settings that are refused are done without
		}
	}
	if whole := stop(); err == nil && !whole {
		err = ctx.Err()
	}
	if err != nil {
		s.link.Cut()
		if listener != nil {
			listener.Close()
		}
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
