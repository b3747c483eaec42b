package engineio_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// patience is how long a test waits for something that must happen.
const patience = 2 * time.Minute

// testServer is a Server behind an HTTP server, and the sessions that it has opened.
type testServer struct {
	*engineio.Server
	http     *httptest.Server
	client   *http.Client
	sessions chan *session
	byID     sync.Map
	version  string // of the clients' protocol; empty: 4
}

// root returns the path of all requests, with the version.
func (h *testServer) root() string { return "/socket.io/?EIO=" + cmp.Or(h.version, "4") + "&" }

// session is a Receiver that records its calls.
type session struct {
	*engineio.Conn
	messages chan wsframe.Part
	closed   chan ending
	handle   func(binary bool, data []byte)
}

type ending struct {
	reason engineio.Reason
	err    error
}

func (s *session) Message(binary bool, data []byte, _ *sched.Slot) (more bool) {
	if s.handle != nil {
		s.handle(binary, data)
		return true
	}
	s.messages <- wsframe.Part{Binary: binary, Data: data}
	return true
}

func (s *session) Closed(reason engineio.Reason, err error) { s.closed <- ending{reason, err} }

func newSession(c *engineio.Conn) *session {
	return &session{Conn: c, messages: make(chan wsframe.Part, 1024), closed: make(chan ending, 2)}
}

// serve starts a server and stops it at the end of the test. It sets Config.Open unless config has one.
func serve(t testing.TB, config engineio.Config, configure ...func(*httptest.Server)) *testServer {
	t.Helper()
	h := &testServer{sessions: make(chan *session, 20_000)}
	if config.Open == nil {
		config.Open = func(c *engineio.Conn) engineio.Receiver {
			s := newSession(c)
			h.byID.Store(c.ID(), s)
			h.sessions <- s
			return s
		}
	}
	server, err := engineio.NewServer(config)
	require.NoError(t, err)
	h.Server = server
	h.http = httptest.NewUnstartedServer(server)
	for _, f := range configure {
		f(h.http)
	}
	switch {
	case h.http.TLS != nil:
		h.http.StartTLS()
	case useServe:
		h.startServe(t)
		return h
	default:
		h.http.Start()
	}
	h.client = h.http.Client()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		h.http.Close()
	})
	return h
}

func receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
		panic("unreachable")
	}
}

// session returns the next session that is opened.
func (h *testServer) session(t testing.TB) *session {
	t.Helper()
	return receive(t, h.sessions, "a session")
}

// sessionOf returns the open session with an id.
func (h *testServer) sessionOf(t testing.TB, sid string) *session {
	t.Helper()
	s, ok := h.byID.Load(sid)
	require.True(t, ok, "no open session has the id %q", sid)
	return s.(*session)
}

// ended waits for the end of a session and checks its reason.
func (s *session) ended(t testing.TB, reason engineio.Reason) error {
	t.Helper()
	e := receive(t, s.closed, "the end of a session")
	require.Equal(t, reason, e.reason, "reason for the end of the session; its error: %v", e.err)
	return e.err
}

func (s *session) text(t testing.TB) string {
	t.Helper()
	p := receive(t, s.messages, "a message")
	require.False(t, p.Binary, "want a text message, got the bytes %q", p.Data)
	return string(p.Data)
}

func text(s string) *wsframe.Frame { return wsframe.NewFrame(wsframe.Part{Data: []byte(s)}) }

// answer is an HTTP response with its body.
type answer struct {
	status int
	body   string
	header http.Header
}

// request sends an HTTP request to the server. query follows h.root().
func (h *testServer) request(t testing.TB, method, query, body string, headers ...string) answer {
	t.Helper()
	a, err := h.try(context.Background(), method, h.http.URL+h.root()+query, strings.NewReader(body),
		headers...)
	require.NoError(t, err, "%s %s", method, query)
	return a
}

func (h *testServer) try(ctx context.Context, method, url string, body io.Reader, headers ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	response, err := h.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, body: string(b), header: response.Header}, err
}

// pollingClient is a client that polls.
type pollingClient struct {
	*testServer
	sid string
}

type hello struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

// openPacket is the length of an open packet in a body of version 3, and the packet's type.
var openPacket = regexp.MustCompile(`^\d+:0`)

func parseHello(t testing.TB, packet string) hello {
	t.Helper()
	var h hello
	data, ok := strings.CutPrefix(openPacket.ReplaceAllString(packet, "0"), "0")
	require.True(t, ok, "want an open packet, got %q", packet)
	require.NoError(t, json.Unmarshal([]byte(data), &h))
	return h
}

// poll opens a session that polls.
func (h *testServer) poll(t testing.TB) (*pollingClient, *session) {
	t.Helper()
	a := h.request(t, "GET", "transport=polling", "")
	require.Equal(t, 200, a.status, a.body)
	p := &pollingClient{testServer: h, sid: parseHello(t, a.body).SID}
	return p, h.sessionOf(t, p.sid)
}

func (p *pollingClient) query() string { return "transport=polling&sid=" + p.sid }

func (p *pollingClient) get(t testing.TB) answer {
	t.Helper()
	return p.request(t, "GET", p.query(), "")
}

func (p *pollingClient) post(t testing.TB, body string) answer {
	t.Helper()
	return p.request(t, "POST", p.query(), body, "Content-Type", "text/plain;charset=UTF-8")
}

// getAsync starts a poll and returns a channel for its response.
func (p *pollingClient) getAsync(t testing.TB) <-chan answer {
	t.Helper()
	out := make(chan answer, 1)
	go func() {
		a, err := p.try(context.Background(), "GET", p.http.URL+p.root()+p.query(), nil)
		if err != nil {
			a.body = err.Error()
		}
		out <- a
	}()
	return out
}

// socket is a client with a WebSocket. It sends what the test wants, whether or not the protocol allows it.
type socket struct {
	net.Conn
	r *bufio.Reader
}

// dial opens a WebSocket. query follows h.root() and "transport=websocket".
func (h *testServer) dial(t testing.TB, query string, headers ...string) *socket {
	t.Helper()
	s, status, body := h.tryDial(t, query, headers...)
	require.Equal(t, 101, status, body)
	return s
}

func (h *testServer) tryDial(t testing.TB, query string, headers ...string) (s *socket, status int, body string) {
	t.Helper()
	return h.handshake(t, h.dialRaw(t), query, headers...)
}

// dialRaw opens a TCP connection.
func (h *testServer) dialRaw(t testing.TB) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", h.http.Listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, nc.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { nc.Close() })
	return nc
}

func (h *testServer) handshake(t testing.TB, nc net.Conn, query string, headers ...string) (s *socket, status int,
	body string) {
	t.Helper()
	var head strings.Builder
	head.WriteString("GET " + h.root() + "transport=websocket" + query + " HTTP/1.1\r\nConnection: Upgrade\r\n" +
		"Upgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n")
	host := h.http.Listener.Addr().String()
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			host = headers[i+1]
			continue
		}
		head.WriteString(headers[i] + ": " + headers[i+1] + "\r\n")
	}
	head.WriteString("Host: " + host + "\r\n\r\n")
	_, err := io.WriteString(nc, head.String())
	require.NoError(t, err)
	s = &socket{Conn: nc, r: bufio.NewReader(nc)}
	response, err := http.ReadResponse(s.r, nil)
	require.NoError(t, err)
	if response.StatusCode != 101 {
		b, _ := io.ReadAll(response.Body)
		return s, response.StatusCode, string(b)
	}
	return s, 101, response.Header.Get("Sec-Websocket-Extensions")
}

// connect opens a session over WebSocket.
func (h *testServer) connect(t testing.TB, headers ...string) (*socket, *session) {
	t.Helper()
	s := h.dial(t, "", headers...)
	return s, h.sessionOf(t, parseHello(t, s.text(t)).SID)
}

// write sends a masked frame.
func (s *socket) write(t testing.TB, f ws.Frame) {
	t.Helper()
	_, err := s.Write(masked(f))
	require.NoError(t, err)
}

func masked(f ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrame(f)) }

func (s *socket) send(t testing.TB, text string) {
	t.Helper()
	s.write(t, ws.NewTextFrame([]byte(text)))
}

// read returns the next frame.
func (s *socket) read(t testing.TB) ws.Frame {
	t.Helper()
	f, err := ws.ReadFrame(s.r)
	require.NoError(t, err, "reading a frame")
	return f
}

func (s *socket) text(t testing.TB) string {
	t.Helper()
	f := s.read(t)
	require.Equal(t, ws.OpText, f.Header.OpCode, "want a text frame, got %v %q", f.Header.OpCode, f.Payload)
	return string(f.Payload)
}

// requireCloseFrame checks that a close frame with the code want is next, and that nothing follows.
func (s *socket) requireCloseFrame(t testing.TB, want ws.StatusCode) {
	t.Helper()
	f := s.read(t)
	require.Equal(t, ws.OpClose, f.Header.OpCode, "want a close frame, got %v %q", f.Header.OpCode, f.Payload)
	code, _ := ws.ParseCloseFrameData(f.Payload)
	require.Equal(t, want, code, "the close frame's code")
	s.requireClosed(t)
}

// requireClosed checks that the server has closed the connection.
func (s *socket) requireClosed(t testing.TB) {
	t.Helper()
	rest, err := io.ReadAll(s.r)
	if errors.Is(err, syscall.ECONNRESET) {
		err = nil // the connection is closed
	}
	require.NoError(t, err)
	require.Empty(t, rest, "the server must send nothing after the close frame")
}

// readAnswer reads an HTTP response. The status is 0 if there is none.
func readAnswer(nc net.Conn) answer {
	response, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer response.Body.Close()
	b, _ := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, body: string(b), header: response.Header}
}

// readHead reads the headers of an HTTP response.
func readHead(t testing.TB, nc net.Conn) http.Header {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(nc), nil)
	require.NoError(t, err)
	return response.Header
}

// withoutLog keeps the HTTP server from logging.
func withoutLog(s *httptest.Server) { s.Config.ErrorLog = log.New(io.Discard, "", 0) }
