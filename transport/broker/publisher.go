package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// Linger is how long a request waits for the broker to close the connection of an earlier request that was
// interrupted or failed. After that the broker counts as dead. If it processes the earlier request
// nevertheless, that request is out of order.
const Linger = 5 * time.Second

// Publisher sends requests to a broker, one at a time. It opens a connection when it is needed and keeps it. It
// is safe for concurrent use. Create it with NewPublisher.
type Publisher struct {
	dialer Dialer
	linger time.Duration
	closed chan struct{}
	slot   chan struct{} // holds one element while a goroutine uses the fields below
	conn   *Conn         // nil if there is none
	old    *Conn         // abandoned; the broker may still read from it
	until  time.Time     // when to stop waiting for old

	mu        sync.Mutex // guards interrupt and the closing of closed
	interrupt context.CancelFunc
}

// NewPublisher returns a publisher without a connection.
func NewPublisher(dialer Dialer) *Publisher {
	return &Publisher{dialer: dialer, linger: Linger, closed: make(chan struct{}), slot: make(chan struct{}, 1)}
}

// Do calls f with the connection, one call at a time. f sends a request and waits for the broker's answer. It
// need not observe ctx, because its reads and writes fail when ctx ends.
//
// An error that wraps transport.ErrNotSent means that f was not called: the broker is unreachable, or ctx had
// ended. If the broker has closed the connection since the last request, Do replaces it before it calls f,
// where the operating system can tell.
//
// When ctx ends later, Do returns ctx.Err(), or the error of f that wraps it, unless f has succeeded. All other errors
// are those of f. After an error Do abandons the connection, unless the error is a *transport.RejectedError: f may
// return that only after it has read the whole answer.
func (p *Publisher) Do(ctx context.Context, f func(c *Conn) error) error {
	if err := p.acquire(ctx); err != nil {
		return notSent(err)
	}
	defer func() { <-p.slot }()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	if !p.setInterrupt(cancel) {
		return notSent(transport.ErrClosed)
	}
	if err := p.connect(inner); err != nil {
		return notSent(p.cause(ctx, err))
	}
	usable := false
	defer func() {
		if !usable { // including when f panics
			p.abandon()
		}
	}()
	err := p.conn.Do(inner, func() error { return f(p.conn) })
	usable = err == nil || errors.As(err, new(*transport.RejectedError))
	return p.cause(ctx, err)
}

// acquire waits until no other request is in progress.
func (p *Publisher) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.closed:
		return transport.ErrClosed
	}
}

// setInterrupt lets Close call cancel. It returns false if the publisher is closed already.
func (p *Publisher) setInterrupt(cancel context.CancelFunc) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interrupt = cancel
	return !p.isClosed()
}

// connect makes sure that there is a connection and that the broker no longer reads from an older one.
func (p *Publisher) connect(ctx context.Context) (err error) {
	if p.conn != nil && p.conn.hasEnded() { // after an outage; the last request succeeded and nothing was sent since
		p.abandon()
	}
	if p.old != nil {
		if err := p.old.waitForClose(ctx, p.until); err != nil {
			return err
		}
		p.old = nil
	}
	if p.conn == nil {
		p.conn, err = p.dialer.Connect(ctx)
	}
	return err
}

func (p *Publisher) abandon() {
	p.conn.closeWrite()
	p.conn, p.old, p.until = nil, p.conn, time.Now().Add(p.linger)
}

// cause returns err, or ErrClosed if err is that of a context that Close has canceled.
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

// Close closes the connection. Waiting and later requests return transport.ErrClosed. A request in progress may
// finish until ctx ends, and is then interrupted. Closing again does nothing.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.isClosed() {
		close(p.closed)
	}
	p.mu.Unlock()
	select {
	case p.slot <- struct{}{}:
	case <-ctx.Done():
		p.mu.Lock()
		if p.interrupt != nil {
			p.interrupt()
		}
		p.mu.Unlock()
		p.slot <- struct{}{} // soon, because the request was interrupted
	}
	defer func() { <-p.slot }()
	for _, c := range []*Conn{p.conn, p.old} {
		if c != nil {
			c.Close()
		}
	}
	p.conn, p.old = nil, nil
	return nil
}
