package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// Linger is how long a request waits until the broker has closed the connection of an earlier request that was interrupted or has
// failed. After that the broker is taken for dead; should it carry out the earlier request all the same, that is out of order.
const Linger = 5 * time.Second

// Publisher sends requests to a broker, one at a time, over a connection that it opens when it is needed and keeps. It is safe for
// concurrent use. Make it with NewPublisher.
type Publisher struct {
	dialer Dialer
	linger time.Duration
	closed chan struct{}
	turn   chan struct{} // holds one element while somebody uses what follows
	conn   *Conn         // nil if there is none
	old    *Conn         // was given up, and the broker may still read from it
	until  time.Time     // how long to wait for old

	mu        sync.Mutex // guards interrupt, and the closing of closed
	interrupt context.CancelFunc
}

// NewPublisher returns a publisher without a connection.
func NewPublisher(dialer Dialer) *Publisher {
	return &Publisher{dialer: dialer, linger: Linger, closed: make(chan struct{}), turn: make(chan struct{}, 1)}
}

// Do calls f with the connection when it is its turn. f sends a request and waits for the broker's answer; f need not look at ctx, because
// its reads and writes fail when that ends.
//
// An error that wraps transport.ErrNotSent tells that f was not called: the broker cannot be reached, or ctx has ended before.
// A connection that the broker has closed since the last request is replaced before f is called, where the system can tell.
//
// When ctx ends later, Do returns ctx.Err(), unless f has succeeded. All other errors are those of f. After an error the connection
// is given up, unless it is a *transport.RejectedError: f returns that only when it has read the whole answer.
func (p *Publisher) Do(ctx context.Context, f func(c *Conn) error) error {
	if err := p.take(ctx); err != nil {
		return notSent(err)
	}
	defer func() { <-p.turn }()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	if !p.interruptible(cancel) {
		return notSent(transport.ErrClosed)
	}
	if err := p.connect(inner); err != nil {
		return notSent(p.cause(ctx, err))
	}
	usable := false
	defer func() {
		if !usable { // also if f panics
			p.giveUp()
		}
	}()
	err := p.conn.Do(inner, func() error { return f(p.conn) })
	usable = err == nil || errors.As(err, new(*transport.RejectedError))
	return p.cause(ctx, err)
}

// take waits until it is the caller's turn.
func (p *Publisher) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.closed:
		return transport.ErrClosed
	}
}

// interruptible lets Close call cancel, and reports whether it was not called already.
func (p *Publisher) interruptible(cancel context.CancelFunc) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interrupt = cancel
	return !p.isClosed()
}

// connect makes sure that there is a connection, and that the broker does not read from an older one any more.
func (p *Publisher) connect(ctx context.Context) (err error) {
	if p.conn != nil && p.conn.isClosed() { // as after an outage; nothing was sent since the last request, which has succeeded
		p.giveUp()
	}
	if p.old != nil {
		if err := p.old.drain(ctx, p.until); err != nil {
			return err
		}
		p.old = nil
	}
	if p.conn == nil {
		p.conn, err = p.dialer.Connect(ctx)
	}
	return err
}

func (p *Publisher) giveUp() {
	p.conn.giveUp()
	p.conn, p.old, p.until = nil, p.conn, time.Now().Add(p.linger)
}

// cause is ErrClosed instead of the error of a context that Close has ended.
func (p *Publisher) cause(ctx context.Context, err error) error {
	if ctx.Err() == nil && errors.Is(err, context.Canceled) && p.isClosed() {
		return transport.ErrClosed
	}
	return err
}

func notSent(err error) error { return fmt.Errorf("%w: %w", transport.ErrNotSent, err) }

func (p *Publisher) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// Close closes the connection. Requests that wait for their turn, and all later ones, return transport.ErrClosed. One that is under way
// may finish until ctx ends, and is interrupted then. Closing again does nothing.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.isClosed() {
		close(p.closed)
	}
	p.mu.Unlock()
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		p.mu.Lock()
		if p.interrupt != nil {
			p.interrupt()
		}
		p.mu.Unlock()
		p.turn <- struct{}{} // soon: it was interrupted
	}
	defer func() { <-p.turn }()
	for _, c := range []*Conn{p.conn, p.old} {
		if c != nil {
			c.Close()
		}
	}
	p.conn, p.old = nil, nil
	return nil
}
