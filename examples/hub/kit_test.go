package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// timeout limits how long a test waits for an event that must happen.
const timeout = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onEachBus runs a test with each bus.
func onEachBus(t *testing.T, test func(t *testing.T, c config)) {
	c := config{listen: "127.0.0.1:0,127.0.0.1:0", heartbeat: 25 * time.Second}
	t.Run("Memory", func(t *testing.T) { test(t, c) })
	t.Run("PostgreSQL", func(t *testing.T) {
		c.postgres = pgtest.Database(t)
		test(t, c)
	})
}

// nodes are the nodes of one call of run.
type nodes struct {
	urls []string
	stop func() // returns when they have ended without leaving a goroutine
}

func start(t *testing.T, c config) *nodes {
	t.Helper()
	before := goleak.IgnoreCurrent()
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, c, in)
		_ = in.Close()
	}()
	n := &nodes{stop: sync.OnceFunc(func() {
		cancel()
		require.NoError(t, receive(t, ended, "the end of the nodes"))
		require.NoError(t, goleak.Find(before), "after all nodes have ended")
	})}
	t.Cleanup(n.stop)
	lines := bufio.NewScanner(out)
	for range strings.Split(c.listen, ",") {
		require.True(t, lines.Scan(), "the nodes started")
		n.urls = append(n.urls, strings.TrimPrefix(lines.Text(), "node on "))
	}
	return n
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(timeout):
		require.FailNow(t, "did not arrive: "+what)
		panic("unreachable")
	}
}

// visitor is a client of a node that reads everything it receives.
type visitor struct {
	conn net.Conn
	got  chan string // messages, "ping", and at the end "closed" with the code and the reason
	stop func()      // closes the connection
}

// connect dials a node. The visitor answers pings only if polite.
func connect(t *testing.T, url string, polite bool) *visitor {
	t.Helper()
	conn, early, _, err := ws.Dial(t.Context(), url)
	require.NoError(t, err)
	v := &visitor{conn: conn, got: make(chan string, 10_000)}
	source := io.Reader(conn)
	if early != nil {
		source = early
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.read(source, polite)
	}()
	v.stop = sync.OnceFunc(func() {
		_ = conn.Close()
		<-done
	})
	t.Cleanup(v.stop)
	return v
}

func (v *visitor) read(source io.Reader, polite bool) {
	for {
		frame, err := ws.ReadFrame(source)
		switch {
		case err != nil:
			v.got <- "gone"
			return
		case frame.Header.OpCode == ws.OpPing:
			v.got <- "ping"
			if polite {
				_, _ = v.conn.Write(masked(ws.NewPongFrame(frame.Payload)))
			}
		case frame.Header.OpCode == ws.OpClose:
			code, reason := ws.ParseCloseFrameData(frame.Payload)
			v.got <- strings.TrimSpace(fmt.Sprintf("closed %d %s", code, reason))
			_, _ = v.conn.Write(masked(ws.NewCloseFrame(frame.Payload)))
		case frame.Header.OpCode == ws.OpPong:
			v.got <- "pong " + string(frame.Payload)
		default:
			v.got <- string(frame.Payload)
		}
	}
}

func masked(f ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrame(f)) }

func (v *visitor) send(t *testing.T, messages ...string) {
	t.Helper()
	for _, m := range messages {
		_, err := v.conn.Write(masked(ws.NewTextFrame([]byte(m))))
		require.NoError(t, err)
	}
}

// expect waits for these messages, in this order, with no other in between.
func (v *visitor) expect(t *testing.T, messages ...string) {
	t.Helper()
	for _, want := range messages {
		require.Equal(t, want, receive(t, v.got, want))
	}
}

// join connects and joins rooms.
func join(t *testing.T, url string, rooms ...string) *visitor {
	t.Helper()
	v := connect(t, url, true)
	for _, room := range rooms {
		v.send(t, `["join","`+room+`"]`)
		v.expect(t, `["joined","`+room+`"]`)
	}
	return v
}

// meet waits until the nodes have found each other: until a node counts the clients of all nodes in a room.
func (v *visitor) meet(t *testing.T, room string, count int) {
	t.Helper()
	want := fmt.Sprintf(`["here","%s",%d]`, room, count)
	for deadline := time.Now().Add(timeout); ; {
		v.send(t, `["who","`+room+`"]`)
		got := receive(t, v.got, want)
		if got == want {
			return
		}
		require.True(t, time.Now().Before(deadline), "wanted %s, got %s", want, got)
	}
}

// connectWithoutReading connects a client that never reads and has a small receive buffer.
func connectWithoutReading(t *testing.T, url string, rooms ...string) net.Conn {
	t.Helper()
	conn, _, _, err := ws.Dial(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	for _, room := range rooms {
		require.NoError(t, wsutil.WriteClientText(conn, []byte(`["join","`+room+`"]`)))
	}
	return conn
}

// request requests a WebSocket with these headers and returns the status of the answer.
func request(t *testing.T, url string, header http.Header) int {
	t.Helper()
	status := http.StatusSwitchingProtocols
	dialer := ws.Dialer{
		Header:        ws.HandshakeHeaderHTTP(header),
		OnStatusError: func(s int, _ []byte, _ io.Reader) { status = s },
	}
	conn, _, _, err := dialer.Dial(t.Context(), url)
	if err == nil {
		require.NoError(t, conn.Close())
	}
	return status
}
