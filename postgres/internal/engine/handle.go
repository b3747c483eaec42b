package engine

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// ConnectTimeout is how long dialling one of the driver's own connections may take when neither the
// connection settings nor the caller's context say less.
const ConnectTimeout = 10 * time.Second

// KeepAlive makes the operating system notice a dead peer within half a minute, also on a connection that
// only listens and so never sends.
var KeepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

var errSealed = errors.New("postgres: no second connection")

// Link is the handle by which a connection is cut from another goroutine.
type Link struct {
	exchange exchange

	mu      sync.Mutex // guards all below
	isCut   bool
	sealed  bool
	closers []func()
	look    func() (quiet, known bool) // at the connection that was dialled last
}

// Seal lets nothing more be dialled through the link: the connection stands. A driver that loses it, and wants
// to cancel its query over a second connection, fails at once instead of waiting for a dead server.
func (l *Link) Seal() {
	l.mu.Lock()
	l.sealed = true
	l.mu.Unlock()
}

// Attach has closing called once the link is cut, at once if it already is.
func (l *Link) Attach(closing func()) {
	l.mu.Lock()
	isCut := l.isCut
	if !isCut {
		l.closers = append(l.closers, closing)
	}
	l.mu.Unlock()
	if isCut {
		closing()
	}
}

// Cut closes what is attached. Cutting again does nothing.
func (l *Link) Cut() {
	l.mu.Lock()
	closers := l.closers
	l.isCut, l.sealed, l.closers = true, true, nil
	l.mu.Unlock()
	for _, closing := range closers {
		closing()
	}
}

// CutWhen cuts the link when ctx ends, unless stop is called before. stop tells whether the link stayed whole.
func (l *Link) CutWhen(ctx context.Context) (stop func() bool) { return context.AfterFunc(ctx, l.Cut) }

// Dial wraps a dial function so that what it opens is attached to the link, kept alive and watched.
func (l *Link) Dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		l.mu.Lock()
		sealed := l.sealed
		l.mu.Unlock()
		if sealed {
			return nil, errSealed
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetKeepAliveConfig(KeepAlive) // a connection without it is as good until its peer dies
		}
		l.mu.Lock()
		l.look = looker(conn)
		l.mu.Unlock()
		l.Attach(func() { _ = conn.Close() })
		return &watched{conn, &l.exchange}, nil
	}
}
