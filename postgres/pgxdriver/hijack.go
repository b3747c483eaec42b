package pgxdriver

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// DialListener has pgx open the connection, with all that belongs to that, and takes it over.
func (d *dialer) DialListener(ctx context.Context, link *engine.Link, deliver func(channel string, payload []byte)) (engine.Listener, error) {
	var from io.Reader // what pgconn reads from: the connection, after what pgconn may have read ahead of itself
	conn, err := d.dial(ctx, link, "backplane listen", func(config *pgx.ConnConfig) {
		build := config.BuildFrontend
		config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			from = r
			return build(r, w)
		}
		config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { // a hook listens
			deliver(n.Channel, []byte(n.Payload))
		}
	})
	if err != nil {
		return nil, err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		link.Cut()
		end(conn)
		return nil, err
	}
	s := newStream(from)
	l := newListener(hijacked.Conn, s, deliver)
	if err = s.adopt(hijacked.Frontend); err == nil {
		err = l.handle()
	}
	if err != nil {
		link.Cut()
		l.Close()
		return nil, err
	}
	return l, nil
}

// adopt puts what frontend has read already ahead of what is still to be read.
func (s *stream) adopt(frontend *pgproto3.Frontend) error {
	var read []byte
	for frontend.ReadBufferLen() > 0 {
		message, err := frontend.Receive()
		if err != nil {
			return err
		}
		if read, err = message.Encode(read); err != nil {
			return err
		}
	}
	if len(read) > len(s.buf) {
		s.buf = make([]byte, len(read))
	}
	s.end = copy(s.buf, read)
	return nil
}
