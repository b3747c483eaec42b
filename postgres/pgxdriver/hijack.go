package pgxdriver

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// DialListener lets pgx open the connection, including TLS, authentication and hooks, and then hijacks it.
func (d *dialer) DialListener(
	ctx context.Context, handle *engine.Handle, deliver func(channel string, payload []byte),
) (engine.ListenConn, error) {
	var reader io.Reader // what pgconn reads from: the connection, preceded by bytes that pgconn may have read ahead
	conn, err := d.dial(ctx, handle, "backplane listen", func(config *pgx.ConnConfig) {
		build := config.BuildFrontend
		config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			reader = r
			return build(r, w)
		}
		config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { // for a hook that listens
			deliver(n.Channel, []byte(n.Payload))
		}
	})
	if err != nil {
		return nil, err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		handle.Cut()
		closeConn(conn)
		return nil, err
	}
	s := newStream(reader)
	l := newListener(hijacked.Conn, s, deliver)
	if err = s.adopt(hijacked.Frontend); err == nil {
		err = l.processBuffered()
	}
	if err != nil {
		handle.Cut()
		l.Close()
		return nil, err
	}
	return l, nil
}

// adopt fills the buffer with the messages that frontend has read but not returned.
func (s *stream) adopt(frontend *pgproto3.Frontend) error {
	var buffered []byte
	for frontend.ReadBufferLen() > 0 {
		message, err := frontend.Receive()
		if err != nil {
			return err
		}
		if buffered, err = message.Encode(buffered); err != nil {
			return err
		}
	}
	if len(buffered) > len(s.buf) {
		s.buf = make([]byte, len(buffered))
	}
	s.end = copy(s.buf, buffered)
	return nil
}
