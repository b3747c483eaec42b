package socketio_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// patience bounds how long a test waits for something that must happen.
const patience = 2 * time.Minute

// node is a server that listens.
type node struct {
	*socketio.Server
	url    string
	errors *events[error] // of ErrorHandler
	faults *events[error] // those of a cluster with a log
}

// serve starts a server. It ends with the test.
func serve(t testing.TB, change ...func(*socketio.Config)) *node {
	t.Helper()
	n := &node{errors: newEvents[error]()}
	config := socketio.Config{ErrorHandler: n.errors.add}
	for _, f := range change {
		f(&config)
	}
	var err error
	n.Server, err = socketio.NewServer(config)
	require.NoError(t, err, "NewServer")
	h := httptest.NewServer(n.Server)
	n.url = h.URL
	t.Cleanup(func() {
		require.NoError(t, n.Close(context.Background()), "Close")
		h.Close()
	})
	return n
}

// pair starts two servers in one cluster.
func pair(t testing.TB, change ...func(*socketio.Config)) (a, b *node) {
	t.Helper()
	return pairOn(t, memory.NewHub(), change...)
}

// pairOn starts two servers on a bus that others may use, too.
func pairOn(t testing.TB, hub *memory.Hub, change ...func(*socketio.Config)) (a, b *node) {
	t.Helper()
	start := func() *node {
		cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: hub})
		require.NoError(t, err, "Open")
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			require.NoError(t, cluster.Close(ctx))
		})
		return serve(t, append(change, func(c *socketio.Config) { c.Cluster = cluster })...)
	}
	a, b = start(), start()
	require.NoError(t, a.WaitForPeers(t.Context(), 1))
	require.NoError(t, b.WaitForPeers(t.Context(), 1))
	return a, b
}

// events is a queue of things that have happened.
type events[T any] struct {
	c     chan T
	ready func(t testing.TB, v T) // what next waits for, too; may be nil
}

func newEvents[T any]() *events[T] { return &events[T]{c: make(chan T, 16_384)} }

func (e *events[T]) add(v T) { e.c <- v }

// next waits for the next event.
func (e *events[T]) next(t testing.TB) T {
	t.Helper()
	select {
	case v := <-e.c:
		if e.ready != nil {
			e.ready(t, v)
		}
		return v
	case <-time.After(patience):
		require.FailNow(t, "an event was wanted, and none has arrived")
		panic("unreachable")
	}
}

// none fails the test if an event is waiting.
func (e *events[T]) none(t testing.TB) {
	t.Helper()
	select {
	case v := <-e.c:
		require.FailNow(t, "unexpected event", "%v", v)
	default:
	}
}

// peer is a client that implements WebSocket and the two protocols by hand.
type peer struct {
	t    testing.TB
	conn net.Conn
	got  *events[string] // Socket.IO packets; attachments start with "b:"; the last one is "closed"

	mu sync.Mutex // guards writing
}

// dial connects, but joins no namespace.
func dial(t testing.TB, n *node, query ...string) *peer {
	t.Helper()
	url := "ws" + strings.TrimPrefix(n.url, "http") + "/socket.io/?EIO=4&transport=websocket" + strings.Join(query, "")
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(http.Header{"X-Test": {"a", "b"}})}
	conn, buffered, _, err := dialer.Dial(t.Context(), url)
	require.NoError(t, err, "dial")
	p := &peer{t: t, conn: conn, got: newEvents[string]()}
	var r *bufio.Reader
	if r = buffered; r == nil {
		r = bufio.NewReader(conn)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.got.add("closed")
		p.read(r)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	require.True(t, strings.HasPrefix(p.next(), "open:0{"), "the first packet must open the session")
	return p
}

func (p *peer) read(r *bufio.Reader) {
	for {
		data, op, err := wsutil.ReadServerData(struct {
			io.Reader
			io.Writer
		}{r, p.conn})
		switch {
		case err != nil:
			return
		case op == ws.OpBinary:
			p.got.add("b:" + string(data))
		case len(data) == 0:
		case data[0] == '0':
			p.got.add("open:" + string(data))
		case data[0] == '2':
			p.engine("3")
		case data[0] == '4':
			p.got.add(string(data[1:]))
		}
	}
}

// engine sends an Engine.IO packet.
func (p *peer) engine(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = wsutil.WriteClientText(p.conn, []byte(text)) // a test that depends on it fails without it
}

// send sends a Socket.IO packet.
func (p *peer) send(format string, args ...any) {
	p.engine("4" + fmt.Sprintf(format, args...))
}

func (p *peer) sendBinary(data string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = wsutil.WriteClientBinary(p.conn, []byte(data))
}

func (p *peer) next() string {
	p.t.Helper()
	return p.got.next(p.t)
}

// expect waits for packets, in this order and with nothing between them.
func (p *peer) expect(packets ...string) {
	p.t.Helper()
	for _, want := range packets {
		require.Equal(p.t, want, p.next())
	}
}

// sync fails the test if another packet arrives before the answer to a "sync" event.
func (p *peer) sync(nsp string) {
	p.t.Helper()
	if nsp != "" {
		nsp += ","
	}
	p.send(`2%s99["sync"]`, nsp)
	p.expect(`3` + nsp + `99[]`)
}

// join joins a namespace and returns the socket's id.
func (p *peer) join(nsp, auth string) (id string) {
	p.t.Helper()
	if nsp != "" {
		nsp += ","
	}
	p.send("0%s%s", nsp, auth)
	answer := p.next()
	rest, ok := strings.CutPrefix(answer, "0"+nsp+`{"sid":"`)
	require.True(p.t, ok, "joined: %s", answer)
	id, _, _ = strings.Cut(rest, `"`)
	require.Len(p.t, id, 20)
	return id
}

// connect dials and joins the main namespace.
func connect(t testing.TB, n *node) *peer {
	t.Helper()
	p := dial(t, n)
	p.join("", "")
	return p
}

// connected returns the sockets that join ns from now on. From next they can be recovered, or are gone.
func connected(ns *socketio.Namespace) *events[*socketio.Socket] {
	e := newEvents[*socketio.Socket]()
	e.ready = recoverableSoon
	ns.OnConnection(func(s *socketio.Socket) {
		s.On("sync", func(ack func()) { ack() })
		e.add(s)
	})
	return e
}

// recoverableSoon waits until the client of a socket can be recovered.
func recoverableSoon(t testing.TB, s *socketio.Socket) {
	t.Helper()
	eventually(t, "the client can be recovered", func() bool { return socketio.Recoverable(s) || !s.Connected() })
}

// stall makes the client stop reading.
func (p *peer) stall() { _ = p.conn.SetReadDeadline(time.Unix(1, 0)) }
