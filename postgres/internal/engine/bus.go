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
	pool   Pool
	fence  string // the statements that a connection runs before it publishes
	log    *eventLog

	// slot holds one token while a goroutine uses conn, handle and batcher. It is a channel because waiting for
	// it must end with the context.
	slot    chan struct{}
	conn    PublishConn
	handle  *Handle
	batcher *batcher

	mu       sync.Mutex // guards the fields below
	current  *Handle    // of the publishing connection, even while it is being opened, so that Close can cut it
	closing  int        // calls of Close whose context has ended; while there are any, nothing is dialed
	sessions map[*Session]struct{}
	entries  map[*Entry]struct{}
}

// NewBus returns a bus on the connections that dialer opens. It lists entries and reads the log over pool. It does no
// I/O.
func NewBus(dialer Dialer, pool Pool, config postgres.Config) *Bus {
	return &Bus{
		dialer:   dialer,
		pool:     pool,
		fence:    newFence(),
		slot:     make(chan struct{}, 1),
		log:      newEventLog(pool, config),
		batcher:  newBatcher(),
		sessions: make(map[*Session]struct{}),
		entries:  make(map[*Entry]struct{}),
	}
}

// limits are the limits of NOTIFY.
var limits = transport.Limits{Payload: postgres.MaxPayload, Channel: postgres.MaxName, Text: true, Distinct: true}

// Limits returns the limits of NOTIFY.
func (b *Bus) Limits() transport.Limits { return limits }

// Publish implements transport.Bus.
func (b *Bus) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	return b.publish(ctx, func(sent int) (int, Outcome, error) { return b.send(msgs[sent:]) })
}

// publish sends messages. send sends those from number sent on, over b.conn.
func (b *Bus) publish(ctx context.Context, send func(sent int) (accepted int, outcome Outcome, err error)) error {
	if err := ctx.Err(); err != nil {
		return notSent(err)
	}
	select {
	case b.slot <- struct{}{}:
	case <-ctx.Done():
		return notSent(ctx.Err())
	}
	defer func() { <-b.slot }()
	if b.conn != nil && !b.handle.Alive(ctx, b.conn.Ping) {
		b.dropConn()
	}
	sent := 0
	for attempts := 1; ; attempts++ {
		if b.conn == nil {
			switch broke, err := b.dial(ctx); {
			case broke && MayRetry(ctx, attempts):
				continue
			case err != nil:
				return sentOnly(sent, err)
			}
		}
		accepted, outcome, err := b.attempt(ctx, sent, send)
		sent += accepted
		switch {
		case err == nil:
			return nil
		case outcome == StatementRefused:
			return &transport.RejectedError{Accepted: sent, Err: err}
		case outcome == OutcomeUnknown:
			return err
		case !MayRetry(ctx, attempts):
			return sentOnly(sent, err)
		}
		// The connection was gone, and the server has not received the rest of the messages: send it over another
		// connection.
	}
}

// attempt sends messages over the current connection, and drops the connection if it breaks. accepted messages were
// certainly sent; the outcome applies to the others.
func (b *Bus) attempt(
	ctx context.Context, sent int, send func(int) (int, Outcome, error),
) (accepted int, outcome Outcome, err error) {
	stop := b.handle.CutOnDone(ctx)
	accepted, outcome, err = send(sent)
	uncut := stop()
	switch {
	case err == nil && uncut:
		return accepted, outcome, nil
	case err == nil: // everything was sent, and then the connection was cut
		b.dropConn()
		return accepted, outcome, nil
	case outcome == StatementRefused && uncut:
		return accepted, outcome, explain(err)
	case outcome == StatementRefused:
		outcome = OutcomeUnknown
	}
	b.dropConn()
	if ctx.Err() != nil {
		return accepted, outcome, ctx.Err()
	}
	return accepted, outcome, explain(err)
}

// sentOnly returns the error for a Publish that sent exactly the first messages, for a reason unrelated to the
// others.
func sentOnly(sent int, err error) error {
	if sent > 0 {
		return &transport.RejectedError{Accepted: sent, Err: err}
	}
	return notSent(err)
}

func notSent(err error) error { return fmt.Errorf("%w (%w)", err, transport.ErrNotSent) }

// send passes msgs to the connection in rounds.
func (b *Bus) send(msgs []transport.Message) (accepted int, outcome Outcome, err error) {
	for accepted < len(msgs) {
		batches, n := b.batcher.round(msgs[accepted:])
		committed, outcome, err := b.conn.Notify(batches)
		if err != nil {
			for _, batch := range batches[:committed] {
				accepted += batch.Items
			}
			return accepted, outcome, err
		}
		accepted += n
	}
	return accepted, StatementRefused, nil
}

// dial opens a connection for publishing. broke reports that it was established but broke before it could be
// used.
func (b *Bus) dial(ctx context.Context) (broke bool, err error) {
	handle := new(Handle)
	b.mu.Lock()
	if b.closing > 0 {
		b.mu.Unlock()
		return false, transport.ErrClosed
	}
	b.current = handle
	b.mu.Unlock()
	stop := handle.CutOnDone(ctx)
	conn, err := b.dialer.DialPublisher(ctx, handle)
	handle.ForbidDial()
	if err != nil {
		stop()
		handle.Cut()
		return handle.Outcome(false) == StatementNotRun, unreachable(ctx, err)
	}
	refused, err := conn.Exec(b.log.settings + ";\n" + b.fence)
	if err != nil && refused { // perhaps only the settings were refused
		refused, err = conn.Exec(b.fence)
	}
	if uncut := stop(); !uncut {
		err = ctx.Err()
	}
	if err != nil {
		handle.Cut()
		conn.Close()
		return !refused, fmt.Errorf("%w: %w", postgres.ErrUnfenced, err)
	}
	b.conn, b.handle = conn, handle
	return false, nil
}

// dropConn closes the publishing connection without notifying the server, which may not read any more.
func (b *Bus) dropConn() {
	b.handle.Cut()
	b.conn.Close()
	b.conn, b.handle = nil, nil
}

// Close implements transport.Closer. It waits for a Publish in progress until ctx ends, then cuts its
// connection.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	sessions, entries := slices.Collect(maps.Keys(b.sessions)), slices.Collect(maps.Keys(b.entries))
	b.mu.Unlock()
	for _, s := range sessions {
		s.handle.Cut()
	}
	for _, e := range entries {
		e.handle.Cut()
	}
	var err error
	select {
	case b.slot <- struct{}{}:
	case <-ctx.Done():
		err = ctx.Err()
		b.acquireByCutting()
	}
	defer func() { <-b.slot }()
	if b.conn == nil {
		return err
	}
	stop := b.handle.CutOnDone(ctx)
	b.conn.Close()
	stop()
	b.handle.Cut()
	b.conn, b.handle = nil, nil
	return err
}

// acquireByCutting acquires the slot. It cuts the connection of the Publish in progress, and keeps those that
// wait behind it from dialing another one.
func (b *Bus) acquireByCutting() {
	b.mu.Lock()
	b.closing++
	current := b.current
	b.mu.Unlock()
	if current != nil {
		current.Cut()
	}
	b.slot <- struct{}{}
	b.mu.Lock()
	b.closing--
	b.mu.Unlock()
}

// Open implements transport.Bus.
func (b *Bus) Open(ctx context.Context) (transport.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Session{bus: b, handle: new(Handle)}
	if err := b.open(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// open connects a session.
func (b *Bus) open(ctx context.Context, s *Session) error {
	stop := s.handle.CutOnDone(ctx)
	conn, err := b.dialer.DialListener(ctx, s.handle, s.deliver)
	s.handle.ForbidDial()
	if err == nil {
		var refused bool
		if refused, err = conn.Exec(ListenSettings); refused {
			err = nil // the session works without the settings
		}
	}
	if uncut := stop(); err == nil && !uncut {
		err = ctx.Err()
	}
	if err != nil {
		s.handle.Cut()
		if conn != nil {
			conn.Close()
		}
		return unreachable(ctx, err)
	}
	s.conn = conn
	b.mu.Lock()
	b.sessions[s] = struct{}{}
	b.mu.Unlock()
	return nil
}

func (b *Bus) forget(s *Session) {
	b.mu.Lock()
	delete(b.sessions, s)
	b.mu.Unlock()
}
