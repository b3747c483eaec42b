package netpoll

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/socketio/internal/sched"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that must happen.
const patience = 2 * time.Minute

// recorder is a Handler that records its calls.
type recorder struct {
	conn   Conn
	input  chan string
	paused atomic.Bool // Next returns Wait
	asked  chan struct{}
	open   atomic.Bool // End returns false
	ended  chan error
	closed chan error
}

func (r *recorder) Next([]byte, *sched.Slot) Step {
	if r.paused.Load() {
		select {
		case r.asked <- struct{}{}:
		default:
		}
		return Wait
	}
	return Read
}

func (r *recorder) Input(buf []byte, n int, _ *sched.Slot) bool {
	clear(buf[:Reserve]) // the handler may overwrite it
	r.input <- string(buf[Reserve : Reserve+n])
	return false
}

func (r *recorder) End(_ []byte, err error, _ *sched.Slot) bool {
	r.ended <- err
	return !r.open.Load()
}

func (r *recorder) Closed(err error) {
	_ = r.conn.Close()
	r.closed <- err
}

func await[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s after %v", what, patience)
		panic("unreachable")
	}
}

// eachKind runs a test for each kind of Conn.
func eachKind(t *testing.T, test func(t *testing.T, start func() (*recorder, *net.TCPConn))) {
	kinds := map[string]func(*Pollers, net.Conn) Conn{
		"Socket": func(_ *Pollers, nc net.Conn) Conn { return newGoroutineConn(nc) },
		"Other":  func(_ *Pollers, nc net.Conn) Conn { return newGoroutineConn(struct{ net.Conn }{nc}) },
	}
	var pollers Pollers
	if pollers.Start(); pollers.Running() {
		kinds["Polled"] = (*Pollers).Conn
	}
	defer pollers.Close()
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			test(t, func() (*recorder, *net.TCPConn) {
				peer, err := net.Dial("tcp", l.Addr().String())
				require.NoError(t, err)
				t.Cleanup(func() { peer.Close() })
				nc, err := l.Accept()
				require.NoError(t, err)
				r := &recorder{conn: kind(&pollers, nc), input: make(chan string, 1000), asked: make(chan struct{}, 1),
					ended: make(chan error, 10), closed: make(chan error, 1)}
				return r, peer.(*net.TCPConn)
			})
		})
	}
}

func TestInputIsPassedOnUntilThePeerCloses(t *testing.T) {
	eachKind(t, func(t *testing.T, start func() (*recorder, *net.TCPConn)) {
		r, peer := start()
		r.conn.Start(r, false)
		want := strings.Repeat("0123456789", 10_000)
		_, err := io.WriteString(peer, want)
		require.NoError(t, err)
		var got bytes.Buffer
		for got.Len() < len(want) {
			got.WriteString(await(t, r.input, "input"))
		}
		require.Equal(t, want, got.String())
		require.NoError(t, peer.CloseWrite())
		require.Equal(t, io.EOF, await(t, r.ended, "End"))
		require.Equal(t, io.EOF, await(t, r.closed, "Closed"))
		rest, err := io.ReadAll(peer)
		require.NoError(t, err)
		require.Empty(t, rest)
	})
}

func TestNothingIsReadWhileTheHandlerWaits(t *testing.T) {
	eachKind(t, func(t *testing.T, start func() (*recorder, *net.TCPConn)) {
		r, peer := start()
		r.paused.Store(true)
		r.conn.Start(r, true)
		await(t, r.asked, "Next")
		_, err := io.WriteString(peer, "x")
		require.NoError(t, err)
		r.conn.Wake()
		await(t, r.asked, "Next after Wake")
		require.Empty(t, r.input)
		r.paused.Store(false)
		r.conn.Wake()
		require.Equal(t, "x", await(t, r.input, "input"))
		r.conn.Cut()
		await(t, r.closed, "Closed")
	})
}

func TestConnectionStaysOpenUntilTheHandlerIsDone(t *testing.T) {
	eachKind(t, func(t *testing.T, start func() (*recorder, *net.TCPConn)) {
		r, peer := start()
		r.open.Store(true)
		r.conn.Start(r, false)
		require.NoError(t, peer.CloseWrite())
		require.Equal(t, io.EOF, await(t, r.ended, "End"))
		_, err := r.conn.Write([]byte("goodbye"))
		require.NoError(t, err)
		buf := make([]byte, 7)
		_, err = io.ReadFull(peer, buf)
		require.NoError(t, err)
		require.Equal(t, "goodbye", string(buf))
		require.Empty(t, r.closed)
		r.open.Store(false)
		r.conn.Cut()
		await(t, r.closed, "Closed after Cut")
	})
}

func TestTryWriteDoesNotWaitForASlowPeer(t *testing.T) {
	eachKind(t, func(t *testing.T, start func() (*recorder, *net.TCPConn)) {
		r, peer := start()
		r.conn.Start(r, false)
		if !r.conn.Blocks() {
			p := bytes.Repeat([]byte("x"), 1<<20)
			sent, full := 0, false
			for !full {
				n, err := r.conn.TryWrite(p)
				require.NoError(t, err)
				sent += n
				full = n == 0
			}
			require.NoError(t, peer.SetReadDeadline(time.Now().Add(patience)))
			n, err := io.CopyN(io.Discard, peer, int64(sent))
			require.NoError(t, err, "%d of %d bytes arrived", n, sent)
		}
		r.conn.Cut()
		await(t, r.closed, "Closed")
	})
}
