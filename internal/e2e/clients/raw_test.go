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
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// rawSocket is a WebSocket that says whatever a test wants it to.
type rawSocket struct {
	f    *fixture
	conn net.Conn
	// packets are Engine.IO's: texts, "b:" and bytes, "close:" and the code of a close frame, and "closed" at last.
	// Pings are answered and not among them.
	packets nodejs.Inbox[string]
	sid     string // of the session
	id      string // of the socket in "/"
	mute    bool   // pings are not answered
	pings   bool   // pings are packets like others
}

// endpoint is the server's URL with that query.
func (f *fixture) endpoint(scheme, query string) string {
	return strings.Replace(f.server.url(), "http", scheme, 1) + "/socket.io/?" + query
}

// dial opens a WebSocket with that query and waits for nothing.
func (f *fixture) dial(query string) (*rawSocket, error) {
	return f.dialSocket(f.endpoint("ws", query), false)
}

// dialRaw is dial for a path, and leaves pings to the test.
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

// socket opens a session over WebSocket, without joining a namespace.
func (f *fixture) socket() *rawSocket {
	f.Helper()
	s, err := f.dial("EIO=4&transport=websocket")
	require.NoError(f, err)
	s.sid = sessionOf(f, s.next())
	return s
}

// member opens a session over WebSocket in the namespace "/".
func (f *fixture) member() *rawSocket {
	f.Helper()
	s := f.socket()
	s.join()
	return s
}

// persistent is member for a server that waits for the connect packet so shortly that a busy machine may be too late with it.
// Then it tries again, as clients do.
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

// sessionOf takes the session's id out of the first packet.
func sessionOf(f *fixture, packet string) string {
	f.Helper()
	var open struct{ SID string }
	require.True(f, strings.HasPrefix(packet, "0{"), "the first packet opens the session, and not %q", packet)
	require.NoError(f, json.Unmarshal([]byte(packet[1:]), &open))
	return open.SID
}

// socketOf takes the socket's id out of the answer to a connect packet.
func socketOf(f *fixture, packet string) string {
	f.Helper()
	var connect struct{ SID string }
	require.True(f, strings.HasPrefix(packet, "40{"), "the answer connects the client, and is not %q", packet)
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
			if !s.mute {
				_ = s.write(ws.OpText, "3")
			}
		default:
			s.packets.Put(string(payload))
		}
	}
}

// write sends a frame as the rules want it. An error is not the test's business: the server may have closed.
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

// bytes sends what may be no frame at all.
func (s *rawSocket) bytes(p []byte) { _, _ = s.conn.Write(p) }

// next waits for the next packet.
func (s *rawSocket) next(when ...string) string {
	s.f.Helper()
	p, err := s.packets.Next(s.f.ctx)
	require.NoError(s.f, err, "a packet over a WebSocket %.60q", when)
	return p
}

func (s *rawSocket) expect(packets ...string) {
	s.f.Helper()
	for _, want := range packets {
		require.Equal(s.f, want, s.next())
	}
}

// closed waits until the server has closed the connection, and returns the code of its close frame, "" if it sent none.
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

// fine: the client is served.
func (s *rawSocket) fine() {
	s.f.Helper()
	s.text(`420["echo","fine"]`)
	s.expect(`430["fine"]`)
}

// goneFor waits until the server has told the application that a socket is gone. reason "": any.
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

// ended waits until the server has closed a connection, and returns what it said.
func (f *fixture) ended(conn net.Conn) string {
	f.Helper()
	require.NoError(f, conn.SetReadDeadline(time.Now().Add(patience)))
	text, err := io.ReadAll(conn)
	if e, is := err.(net.Error); is {
		require.False(f, e.Timeout(), "the server leaves the connection open")
	}
	return string(text)
}
