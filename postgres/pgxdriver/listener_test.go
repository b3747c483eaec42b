package pgxdriver

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestExecDeliversNotificationsBeforeTheAnswer(t *testing.T) {
	l, p, got := connect(t)
	for _, size := range []int{1, 7, 1000} {
		*got = nil
		var server sync.WaitGroup
		server.Go(func() {
			p.expectQuery(`LISTEN "a"`)
			p.send(encode(t, notification("b", "1"), notification("b", "2"), done(), ready(), notification("a", "3")),
				size)
		})
		refused, err := l.Exec(`LISTEN "a"`)
		require.NoError(t, err)
		require.False(t, refused)
		for len(*got) < 3 {
			require.NoError(t, l.Wait(within(t)))
		}
		server.Wait()
		require.Equal(t, []note{{"b", "1"}, {"b", "2"}, {"a", "3"}}, *got)
	}
}

func TestRefusedStatementLeavesTheConnectionUsable(t *testing.T) {
	l, p, got := connect(t)
	var server sync.WaitGroup
	defer server.Wait()
	server.Go(func() {
		p.expectQuery("LISTEN")
		p.send(encode(t, notification("b", "1"), fault("ERROR", "42601"), ready()), 5)
		p.expectQuery(`LISTEN "a"`)
		p.send(encode(t, done(), ready()), 5)
	})
	refused, err := l.Exec("LISTEN")
	var serverError *pgconn.PgError
	require.ErrorAs(t, err, &serverError)
	require.Equal(t, "42601", serverError.Code)
	require.True(t, refused)
	_, err = l.Exec(`LISTEN "a"`)
	require.NoError(t, err)
	require.Equal(t, []note{{"b", "1"}}, *got)
}

func TestFatalErrorOfTheServerIsTheFinalError(t *testing.T) {
	for _, severity := range []string{"FATAL", "PANIC"} {
		l, p, got := connect(t)
		var server sync.WaitGroup
		server.Go(func() {
			p.expectQuery("LISTEN a")
			p.send(encode(t, notification("b", "1"), fault(severity, "57P01")), 9)
		})
		refused, err := l.Exec("LISTEN a")
		var last *pgconn.PgError
		require.ErrorAs(t, err, &last)
		require.Equal(t, "57P01", last.Code)
		require.False(t, refused)
		server.Wait()
		require.Len(t, *got, 1)

		l, p, got = connect(t)
		server.Go(func() {
			p.send(encode(t, fault("ERROR", "XX000"), notification("b", "1"), fault(severity, "57P01")), 1<<20)
		})
		require.ErrorAs(t, l.Wait(within(t)), &last)
		require.Equal(t, "57P01", last.Code)
		require.Len(t, *got, 1, "notifications before the error must be delivered")
		server.Wait()
	}
}

func TestSeverityOfOldServersIsRecognized(t *testing.T) {
	l, _, _ := connect(t)
	require.NoError(t, l.processError([]byte("SERROR\x00C1\x00\x00")))
	require.Error(t, l.processError([]byte("SFATAL\x00C1\x00\x00")))
}

func TestBrokenConnectionEndsExecAndWait(t *testing.T) {
	wire := encode(t, notification("a", "whole"), notification("a", "half"))
	l, p, got := connect(t)
	var server sync.WaitGroup
	server.Go(func() {
		p.send(wire[:len(wire)-2], 1<<20)
		_ = p.conn.Close()
	})
	require.NoError(t, l.Wait(within(t)))
	require.ErrorIs(t, l.Wait(within(t)), io.ErrUnexpectedEOF)
	server.Wait()
	refused, err := l.Exec("LISTEN a")
	require.Error(t, err)
	require.False(t, refused)
	require.Equal(t, []note{{"a", "whole"}}, *got)

	l, p, _ = connect(t)
	server.Go(func() {
		p.expectQuery("LISTEN a")
		_ = p.conn.Close()
	})
	refused, err = l.Exec("LISTEN a")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.False(t, refused)
	server.Wait()
}

// A context may end at any byte of a message, and during any call.
func TestCanceledWaitLosesNothing(t *testing.T) {
	l, p, got := connect(t)
	wire := encode(t, notification("a", "first"), done(), notification("a", "second"))
	for cut := 1; cut < len(wire); cut++ {
		*got = nil
		ctx, cancel := context.WithCancel(context.Background())
		var server sync.WaitGroup
		server.Go(func() {
			p.send(wire[:cut], 1<<20)
			cancel() // after everything was read
			p.expectQuery("LISTEN b")
			p.send(wire[cut:], 1<<20)
			p.send(encode(t, done(), ready()), 1<<20)
		})
		err := l.Wait(ctx)
		for err == nil {
			err = l.Wait(ctx)
		}
		require.Equal(t, context.Canceled, err)
		_, err = l.Exec("LISTEN b")
		require.NoError(t, err, "the context of Wait must not affect Exec")
		server.Wait()
		require.Equal(t, []note{{"a", "first"}, {"a", "second"}}, *got)
	}
}

func TestWaitContinuesWithAnotherContext(t *testing.T) {
	l, p, got := connect(t)
	endless := context.Background()
	kept, cancelKept := context.WithCancel(endless)
	defer cancelKept()
	for i, ctx := range []context.Context{endless, kept, kept, context.WithValue(kept, l, 1), within(t), endless,
		kept} {
		ended, cancel := context.WithCancel(endless)
		cancel()
		if i%2 == 0 {
			require.Equal(t, context.Canceled, l.Wait(ended))
		}
		var server sync.WaitGroup
		server.Go(func() { p.send(encode(t, notification("a", "1")), 4) })
		require.NoError(t, l.Wait(ctx))
		server.Wait()
		require.Len(t, *got, i+1)
	}
	cancelKept() // while no call waits
	require.Equal(t, context.Canceled, l.Wait(kept))
	var server sync.WaitGroup
	server.Go(func() { p.send(encode(t, notification("a", "1")), 4) })
	require.NoError(t, l.Wait(endless))
	server.Wait()
}

func TestCutConnectionEndsEveryCall(t *testing.T) {
	for name, call := range map[string]func(l *listener) error{
		"Wait":        func(l *listener) error { return l.Wait(within(t)) },
		"WaitForever": func(l *listener) error { return l.Wait(context.Background()) },
		"Exec": func(l *listener) error {
			_, err := l.Exec("LISTEN a")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, _ := connect(t)
			ended := make(chan error)
			go func() { ended <- call(l) }()
			_ = l.conn.Close() // like a handle that is cut
			select {
			case err := <-ended:
				require.ErrorIs(t, err, io.ErrClosedPipe)
			case <-within(t).Done():
				t.Fatal("the call did not return")
			}
		})
	}
}

// deadPeer is a connection to a dead peer: written data is lost without an error.
type deadPeer struct {
	net.Conn
	writes int
}

func (d *deadPeer) Write(b []byte) (int, error) { d.writes++; return len(b), nil }

func TestCloseWritesNothing(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	conn := &deadPeer{Conn: client}
	l := newListener(conn, newStream(conn), nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Equal(t, context.Canceled, l.Wait(ctx))
	l.Close()
	require.Zero(t, conn.writes)
}
