package pqdriver

import (
	"context"

	"github.com/lib/pq"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// readAhead is the capacity of the channel between lib/pq's goroutine, which reads the connection, and the
// session. When the channel is full, lib/pq stops reading, and the server has to wait.
const readAhead = 256

// listener uses pq.ListenerConn. It does not use pq.Listener, which reconnects by itself and blocks forever if
// it is closed at the wrong moment.
type listener struct {
	conn          *pq.ListenerConn
	notifications chan *pq.Notification // closed by lib/pq when the connection has ended
	deliver       func(channel string, payload []byte)
}

var _ engine.ListenConn = (*listener)(nil)

func (d *dialer) DialListener(
	ctx context.Context, handle *engine.Handle, deliver func(channel string, payload []byte),
) (engine.ListenConn, error) {
	dsn, err := d.listenDSN("backplane listen")
	if err != nil {
		return nil, err
	}
	l := &listener{notifications: make(chan *pq.Notification, readAhead), deliver: deliver}
	dialed := make(chan error)
	go func() {
		var err error
		l.conn, err = pq.NewListenerConn(dsn, l.notifications)
		select {
		case dialed <- err:
		case <-ctx.Done():
			if err == nil {
				_ = l.conn.Close()
				l.drain()
			}
		}
	}()
	select {
	case err := <-dialed:
		if err != nil {
			return nil, err
		}
		handle.OnCut(func() { _ = l.conn.Close() })
		return l, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Exec runs the statement on its own goroutine and delivers notifications meanwhile: lib/pq cannot read the
// answer until the notifications ahead of it are received.
func (l *listener) Exec(statement string) (refused bool, err error) {
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		refused, err = l.conn.ExecSimpleQuery(statement)
	}()
	notifications := l.notifications
	for {
		select {
		case n, ok := <-notifications:
			if !ok {
				notifications = nil // the answer will be an error
				continue
			}
			l.deliver(n.Channel, []byte(n.Extra))
		case <-answered:
			return refused, err
		}
	}
}

func (l *listener) Wait(ctx context.Context) error {
	select {
	case n, ok := <-l.notifications:
		if !ok {
			return l.conn.Err()
		}
		l.deliver(n.Channel, []byte(n.Extra))
	case <-ctx.Done():
		return ctx.Err()
	}
	for range len(l.notifications) {
		if n, ok := <-l.notifications; ok {
			l.deliver(n.Channel, []byte(n.Extra))
		}
	}
	return nil
}

func (l *listener) Close() { l.drain() }

// drain receives the remaining notifications, because lib/pq's goroutine may be waiting to send one and could
// not end.
func (l *listener) drain() {
	for range l.notifications {
	}
}
