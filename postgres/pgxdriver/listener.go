package pgxdriver

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// maxWait is how many notifications one Wait reads, so that it returns also when they come faster than that.
const maxWait = 256

// listener waits for notifications. pgconn hands them to its callback while it reads.
type listener struct {
	conn  *pgconn.PgConn
	count int // notifications delivered so far
}

var _ engine.Listener = (*listener)(nil)

func (d *dialer) DialListener(ctx context.Context, link *engine.Link, deliver func(channel, payload string)) (engine.Listener, error) {
	l := new(listener)
	var err error
	l.conn, err = d.dial(ctx, link, "backplane listen", func(_ *pgconn.PgConn, n *pgconn.Notification) {
		l.count++
		deliver(n.Channel, n.Payload)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (l *listener) Exec(statement string) (intact bool, err error) {
	_, err = l.conn.Exec(context.Background(), statement).ReadAll()
	return refused(l.conn, err), err
}

// Wait reads until something was delivered and the buffer is empty, under one watch on ctx: what has arrived
// together costs one watch, not one each.
func (l *listener) Wait(ctx context.Context) error {
	before := l.count
	watched := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = l.conn.Conn().SetReadDeadline(time.Unix(1, 0)) // in the past: wakes the reader, keeps what it has read
		close(watched)
	})
	var err error
	for err == nil && (l.count == before || l.count < before+maxWait && l.conn.Frontend().ReadBufferLen() > 0) {
		_, err = l.conn.ReceiveMessage(context.Background())
	}
	if !stop() {
		<-watched
		_ = l.conn.Conn().SetReadDeadline(time.Time{})
	}
	var timeout net.Error
	if err != nil && ctx.Err() != nil && !l.conn.IsClosed() && errors.As(err, &timeout) && timeout.Timeout() {
		err = ctx.Err()
		if l.count > before {
			err = nil
		}
	}
	return err
}

func (l *listener) Close() { end(l.conn) }
