package pgxdriver

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// dialTo opens a listening connection to a simulated server, which accepts the client, sends welcome, and
// continues with serve. hook is the pool's AfterConnect.
func dialTo(
	t *testing.T, welcome []pgproto3.BackendMessage, hook func(ctx context.Context, conn *pgx.Conn) error,
	serve func(p *peer),
) (engine.ListenConn, *[]note, error) {
	t.Helper()
	config, err := pgxpool.ParseConfig("postgres://somebody@127.0.0.1:1/somewhere?sslmode=disable")
	require.NoError(t, err)
	config.AfterConnect = hook
	client, server := net.Pipe()
	t.Cleanup(func() { _ = server.Close() })
	require.NoError(t, server.SetDeadline(time.Now().Add(patience)))
	config.ConnConfig.DialFunc = func(context.Context, string, string) (net.Conn, error) { return client, nil }
	pool, err := pgxpool.NewWithConfig(within(t), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)

	wire := encode(t, append([]pgproto3.BackendMessage{
		&pgproto3.AuthenticationOk{}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}, ready(),
	}, welcome...)...)
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	serving.Go(func() {
		if _, err := pgproto3.NewBackend(server, server).ReceiveStartupMessage(); err != nil {
			t.Errorf("ReceiveStartupMessage: %v", err)
			return
		}
		p := &peer{tb: t, conn: server}
		p.send(wire, 1<<20)
		if serve != nil {
			serve(p)
		}
	})
	got := new([]note)
	l, err := (&dialer{pool: pool}).DialListener(within(t), new(engine.Handle), func(channel string, payload []byte) {
		*got = append(*got, note{channel, string(payload)})
	})
	if err == nil {
		t.Cleanup(l.Close)
	}
	return l, got, err
}

func TestDataThatPgconnHasReadIsNotLost(t *testing.T) {
	half := encode(t, notification("a", "half"))
	welcome := []pgproto3.BackendMessage{
		notification("a", "1"), &pgproto3.NoticeResponse{Message: "hello"}, notification("a", "2"),
	}
	l, got, err := dialTo(t, welcome, nil,
		func(p *peer) { p.send(append(half, half...), len(half)-2) })
	require.NoError(t, err)
	require.Equal(t, []note{{"a", "1"}, {"a", "2"}}, *got, "these arrive together with the welcome")
	for len(*got) < 4 {
		require.NoError(t, l.Wait(within(t)))
	}
	require.Equal(t, []note{{"a", "half"}, {"a", "half"}}, (*got)[2:])
}

// pgconn reads in the background when writing takes long. The data that it has read there, or is about to read,
// comes before the remaining data of the connection. This server answers before it has read the statement, so
// that the answer is read in the background.
func TestDataThatPgconnReadsInTheBackgroundIsNotLost(t *testing.T) {
	behind := encode(t, notification("a", "3"), notification("a", "4"))
	l, got, err := dialTo(t, nil,
		func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.PgConn().Exec(ctx, "LISTEN a").ReadAll()
			return err
		},
		func(p *peer) {
			p.send(encode(t, notification("a", "1"), done(), ready()), 1<<20)
			p.send(encode(t, notification("a", "2")), 1<<20)
			p.expectQuery("LISTEN a")
			p.send(behind, len(behind)/2+2)
		})
	require.NoError(t, err)
	for len(*got) < 4 {
		require.NoError(t, l.Wait(within(t)))
	}
	require.Equal(t, []note{{"a", "1"}, {"a", "2"}, {"a", "3"}, {"a", "4"}}, *got)
}

func TestFatalErrorWithTheWelcomeIsReturned(t *testing.T) {
	_, got, err := dialTo(t, []pgproto3.BackendMessage{notification("a", "1"), fault("FATAL", "57P01")}, nil, nil)
	var last *pgconn.PgError
	require.ErrorAs(t, err, &last)
	require.Equal(t, "57P01", last.Code)
	require.Len(t, *got, 1)
}

func TestHookThatFailsOrClosesTheConnection(t *testing.T) {
	refused := errors.New("refused")
	_, _, err := dialTo(t, nil, func(context.Context, *pgx.Conn) error { return refused }, nil)
	require.Equal(t, refused, err)
	_, _, err = dialTo(t, nil, func(_ context.Context, conn *pgx.Conn) error {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		return conn.Close(ended)
	}, nil)
	require.Error(t, err)
}
