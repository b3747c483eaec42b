package clients_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// rawSocket is a WebSocket on which a test can send anything.
type rawSocket struct {
	f    *fixture
	conn net.Conn
	// packets are the received Engine.IO packets: text, "b:" and bytes, "close:" and the code of a close frame, and
	// "closed" at the end. Pings are answered and left out.
	packets nodejs.Inbox[string]
	sid     string      // id of the session
	id      string      // id of the socket in "/"
	mute    atomic.Bool // pings are not answered
	pings   bool        // pings are packets like all others
}

// endpoint returns the server's URL with this query.
func (f *fixture) endpoint(scheme, query string) string {
	return strings.Replace(f.server.url(), "http", scheme, 1) + "/socket.io/?" + query
}

// dial opens a WebSocket with this query and does not wait for a packet.
func (f *fixture) dial(query string) (*rawSocket, error) {
	return f.dialSocket(f.endpoint("ws", query), false)
}

// dialRaw is dial with a path, and does not answer pings.
func (f *fixture) dialRaw(path string) (*rawSocket, error) {
	return f.dialSocket(strings.Replace(f.server.url(), "http", "ws", 1)+path, true)
}

func (f *fixture) dialSocket(target string, pings bool) (*rawSocket, error) {
	conn, early, _, err := ws.Dialer{}.Dial(f.ctx, target)
	if err != nil {
		return nil, err
	}
	s := &rawSocket{f: f, conn: conn, pings: pings}
	var r io.Reader = conn
	if early != nil {
		r = io.MultiReader(early, conn)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.read(bufio.NewReader(r))
		s.packets.Put("closed")
	}()
	f.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return s, nil
}

// socket opens a session over WebSocket and joins no namespace.
func (f *fixture) socket() *rawSocket {
	f.Helper()
	s, err := f.dial("EIO=4&transport=websocket")
	require.NoError(f, err)
	s.sid = sessionOf(f, s.next())
	return s
}

// member opens a session over WebSocket and joins the namespace "/".
func (f *fixture) member() *rawSocket {
	f.Helper()
	s := f.socket()
	s.join()
	return s
}

// persistent is member for a server with a short connect timeout: it tries again if the connect packet was too late,
// as clients do.
func (f *fixture) persistent() *rawSocket {
	f.Helper()
	for {
		s, err := f.dial("EIO=4&transport=websocket")
		require.NoError(f, err)
		s.text("40")
		s.sid = sessionOf(f, s.next())
		if answer := s.next(); strings.HasPrefix(answer, "40") {
			s.id = socketOf(f, answer)
			return s
		}
		_ = s.conn.Close()
	}
}

func (s *rawSocket) join() {
	s.f.Helper()
	s.text("40")
	s.id = socketOf(s.f, s.next())
}

// sessionOf returns the session's id from the first packet.
func sessionOf(f *fixture, packet string) string {
	f.Helper()
	var open struct{ SID string }
	require.True(f, strings.HasPrefix(packet, "0{"), "the first packet must open the session, got %q", packet)
	require.NoError(f, json.Unmarshal([]byte(packet[1:]), &open))
	return open.SID
}

// socketOf returns the socket's id from the answer to a connect packet.
func socketOf(f *fixture, packet string) string {
	f.Helper()
	var connect struct{ SID string }
	require.True(f, strings.HasPrefix(packet, "40{"), "the answer must connect the client, got %q", packet)
	require.NoError(f, json.Unmarshal([]byte(packet[2:]), &connect))
	return connect.SID
}

func (s *rawSocket) read(r *bufio.Reader) {
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		switch {
		case h.OpCode == ws.OpClose && len(payload) >= 2:
			s.packets.Put(fmt.Sprintf("close:%d", binary.BigEndian.Uint16(payload)))
		case h.OpCode == ws.OpClose:
			s.packets.Put("close:")
		case h.OpCode == ws.OpBinary:
			s.packets.Put("b:" + string(payload))
		case string(payload) == "2" && !s.pings:
			if !s.mute.Load() {
				_ = s.write(ws.OpText, "3")
			}
		default:
			s.packets.Put(string(payload))
		}
	}
}

// write sends a valid frame. It ignores errors, because the server may have closed the connection.
func (s *rawSocket) write(op ws.OpCode, payload string) error {
	frame := ws.MaskFrameInPlace(ws.NewFrame(op, true, []byte(payload)))
	return ws.WriteFrame(s.conn, frame)
}

func (s *rawSocket) text(packets ...string) {
	for _, p := range packets {
		_ = s.write(ws.OpText, p)
	}
}

func (s *rawSocket) binary(data string) { _ = s.write(ws.OpBinary, data) }

// bytes sends bytes that need not be a frame.
func (s *rawSocket) bytes(p []byte) { _, _ = s.conn.Write(p) }

// next waits for the next packet and returns it.
func (s *rawSocket) next(when ...string) string {
	s.f.Helper()
	p, err := s.packets.Next(s.f.ctx)
	require.NoError(s.f, err, "wait for a packet over a WebSocket %.60q", when)
	return p
}

func (s *rawSocket) expect(packets ...string) {
	s.f.Helper()
	for _, want := range packets {
		require.Equal(s.f, want, s.next())
	}
}

// closed waits until the server has closed the connection. It returns the code of its close frame, empty if it sent
// none.
func (s *rawSocket) closed(when ...string) string {
	s.f.Helper()
	code := ""
	for {
		p := s.next(when...)
		if p == "closed" {
			return code
		}
		if c, is := strings.CutPrefix(p, "close:"); is {
			code = c
			_ = s.conn.Close()
		}
	}
}

// fine requires that the client is served.
func (s *rawSocket) fine() {
	s.f.Helper()
	s.text(`420["echo","fine"]`)
	s.expect(`430["fine"]`)
}

// goneFor waits until the application has received the disconnect of the socket. An empty reason matches any.
func (f *fixture) goneFor(id, reason string) {
	f.Helper()
	got := f.report("disconnect", func(e serverEvent) bool { return e.ID == id }).Reason
	if reason != "" {
		require.Equal(f, reason, got)
	}
}

// stream opens a connection and sends the beginning of a request.
func (f *fixture) stream(text string) net.Conn {
	f.Helper()
	u, err := url.Parse(f.server.url())
	require.NoError(f, err)
	var d net.Dialer
	conn, err := d.DialContext(f.ctx, "tcp", u.Host)
	require.NoError(f, err)
	f.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(f, err)
	return conn
}

// ended waits until the server has closed the connection and returns what it sent.
func (f *fixture) ended(conn net.Conn) string {
	f.Helper()
	require.NoError(f, conn.SetReadDeadline(time.Now().Add(patience)))
	text, err := io.ReadAll(conn)
	if e, is := err.(net.Error); is {
		require.False(f, e.Timeout(), "the server did not close the connection")
	}
	return string(text)
}
