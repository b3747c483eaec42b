package server

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/backplane-go/backplane/transport/broker"
)

// NewSession returns a session of the connection, with the rest of its configuration. message and problem are those of
// Run.
func (l *Link) NewSession(
	config broker.Config, message func(s *broker.Session, m Message), problem func(error) error,
) *broker.Session {
	var session atomic.Pointer[broker.Session]
	config.Read = func(s *broker.Session) error {
		session.Store(s)
		return l.Run(func(m Message) { message(s, m) }, problem)
	}
	config.Probe = func(context.Context) error {
		if s := session.Load(); s != nil {
			_, err := l.ask(nil, s.Alive)
			return err
		}
		return nil // Read has not begun
	}
	config.ProbeInterval, config.Close = l.servers.Interval, l.Close
	return broker.NewSession(config)
}

// ask writes b and a PING.
func (l *Link) ask(b []byte, pong func()) (*ping, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	p := &ping{pong: pong}
	l.mu.Lock()
	l.pings = append(l.pings, p)
	l.mu.Unlock()
	if _, err := l.Write(append(b, "PING\r\n"...)); err != nil {
		return nil, disconnected(err)
	}
	return p, nil
}

// RoundTrip writes b and waits until this server has processed it. It returns each -ERR that the server has sent.
func (l *Link) RoundTrip(ctx context.Context, b []byte) ([]error, error) {
	done := make(chan struct{})
	p, err := l.ask(b, func() { close(done) })
	if err != nil {
		return nil, err
	}
	select {
	case <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.ended.Done():
		select {
		case <-done: // before the end
		default:
			return nil, l.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return p.errs, nil
}

// Confirm writes b, and waits until this server has processed it and all other servers of its cluster have heard of
// everything that it had to tell them before. It returns each -ERR that the server has sent. If the error wraps
// transport.ErrNotSent, nothing was written.
func (l *Link) Confirm(ctx context.Context, b []byte) ([]error, error) {
	ctx, cancel := l.whileOpen(ctx)
	defer cancel()
	errs, err := l.witnesses.confirm(ctx, b)
	return errs, l.cause(err)
}

// whileOpen returns a context that also ends with the connection.
func (l *Link) whileOpen(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ended, cancel)
	return ctx, func() { stop(); cancel() }
}

// cause returns err, or why the connection has ended if err is that of the context of whileOpen.
func (l *Link) cause(err error) error {
	if end := l.Err(); end != nil && errors.Is(err, context.Canceled) && l.ended.Err() != nil {
		return end
	}
	return err
}

// Version returns the version of the server, such as "2.11.0".
func (l *Link) Version() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.info.Version
}

// Clustered reports whether the server is one of a cluster.
func (l *Link) Clustered() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.info.Cluster != ""
}

// MaxPayload returns the max_payload of the server.
func (l *Link) MaxPayload() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.info.MaxPayload
}
