package pqdriver

import (
	"context"

	"github.com/lib/pq"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// readAhead is how many notifications wait between lib/pq's goroutine, which reads the connection, and the
// session. When they are not fetched it stops reading, and the server has to wait.
const readAhead = 256

// listener is the lower level of listening in lib/pq. pq.Listener, above it, reconnects by itself, and blocks
// for good when it is closed at the wrong moment.
type listener struct {
	conn          *pq.ListenerConn
	notifications chan *pq.Notification // closed by lib/pq when the connection has ended
	deliver       func(channel string, payload []byte)
}

var _ engine.Listener = (*listener)(nil)

func (d *dialer) DialListener(ctx context.Context, link *engine.Link, deliver func(channel string, payload []byte)) (engine.Listener, error) {
	dsn, err := d.listenDSN("backplane listen")
	if err != nil {
		return nil, err
	}
	l := &listener{notifications: make(chan *pq.Notification, readAhead), deliver: deliver}
	dialled := make(chan error)
	go func() {
		var err error
		l.conn, err = pq.NewListenerConn(dsn, l.notifications)
		select {
		case dialled <- err:
		case <-ctx.Done():
			if err == nil {
				_ = l.conn.Close()
				l.drain()
			}
		}
	}()
	select {
	case err := <-dialled:
		if err != nil {
			return nil, err
		}
		link.Attach(func() { _ = l.conn.Close() })
		return l, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Exec runs the statement in a goroutine of its own and delivers meanwhile: lib/pq does not get to the answer
// before the notifications ahead of it are fetched.
func (l *listener) Exec(statement string) (intact bool, err error) {
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		intact, err = l.conn.ExecSimpleQuery(statement)
	}()
	notifications := l.notifications
	for {
		select {
		case n, ok := <-notifications:
			if !ok {
				notifications = nil // the answer is an error, on its way
				continue
			}
			l.deliver(n.Channel, []byte(n.Extra))
		case <-answered:
			return intact, err
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

// drain lets lib/pq's goroutine end, which may be waiting to hand a notification over.
func (l *listener) drain() {
	for range l.notifications {
	}
}
