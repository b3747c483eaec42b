package pgxdriver

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience limits how long a test waits for an event that must happen.
const patience = 2 * time.Minute

func within(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// note is a delivered notification.
type note struct{ channel, payload string }

func notification(channel, payload string) pgproto3.BackendMessage {
	return &pgproto3.NotificationResponse{PID: 7, Channel: channel, Payload: payload}
}

func fault(severity, code string) pgproto3.BackendMessage {
	return &pgproto3.ErrorResponse{Severity: "EMERGENZA", SeverityUnlocalized: severity, Code: code, Message: "no"}
}

func ready() pgproto3.BackendMessage { return &pgproto3.ReadyForQuery{TxStatus: 'I'} }

func done() pgproto3.BackendMessage { return &pgproto3.CommandComplete{CommandTag: []byte("LISTEN")} }

// encode returns messages as the server sends them.
func encode(tb testing.TB, messages ...pgproto3.BackendMessage) []byte {
	tb.Helper()
	var wire []byte
	for _, m := range messages {
		var err error
		wire, err = m.Encode(wire)
		require.NoError(tb, err)
	}
	return wire
}

// peer is the server's end of a connection. The test acts as the server.
type peer struct {
	tb   testing.TB
	conn net.Conn
}

// connect returns a listener, the server's end of its connection, and the delivered notifications.
func connect(tb testing.TB) (*listener, *peer, *[]note) {
	client, server := net.Pipe()
	got := new([]note)
	l := newListener(client, newStream(client), func(channel string, payload []byte) {
		*got = append(*got, note{channel, string(payload)})
	})
	tb.Cleanup(l.Close)
	tb.Cleanup(func() { _ = server.Close() })
	require.NoError(tb, server.SetDeadline(time.Now().Add(patience)))
	return l, &peer{tb: tb, conn: server}, got
}

// send writes bytes in pieces of the given size, as the network may split them. It returns when all are read.
func (p *peer) send(wire []byte, size int) {
	for len(wire) > 0 {
		n := min(size, len(wire))
		if _, err := p.conn.Write(wire[:n]); err != nil {
			p.tb.Errorf("send: %v", err)
			return
		}
		wire = wire[n:]
	}
}

// expectQuery reads a statement and compares it.
func (p *peer) expectQuery(statement string) {
	want, err := (&pgproto3.Query{String: statement}).Encode(nil)
	if err != nil {
		p.tb.Errorf("Encode: %v", err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.conn, got); err != nil || !bytes.Equal(got, want) {
		p.tb.Errorf("got %q (%v), want %q", got, err, want)
	}
}
