package engineio_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

func closeFrame(code uint16, reason string) []byte {
	return masked(ws.NewCloseFrame(append(binary.BigEndian.AppendUint16(nil, code), reason...)))
}

// A close frame is answered with its code, or with 1002 if no endpoint may send that code.
func TestCloseFrameIsAnsweredWithItsCode(t *testing.T) {
	h := serve(t, engineio.Config{})
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
		4000, 4999} {
		s, c := h.connect(t)
		_, err := s.Write(closeFrame(code, "grüße"))
		require.NoError(t, err)
		s.requireCloseFrame(t, ws.StatusCode(code))
		require.NoError(t, c.ended(t, engineio.TransportClose))
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 5001, 32768, 65535} {
		s, c := h.connect(t)
		_, err := s.Write(closeFrame(code, ""))
		require.NoError(t, err)
		s.requireCloseFrame(t, ws.StatusProtocolError)
		require.ErrorContains(t, c.ended(t, engineio.TransportError), "code", "%d", code)
	}
	s, c := h.connect(t)
	_, err := s.Write(closeFrame(1000, "\xff"))
	require.NoError(t, err)
	s.requireCloseFrame(t, ws.StatusInvalidFramePayloadData)
	require.Error(t, c.ended(t, engineio.TransportError))
}

// The server sends its close frame even if the client has closed its side of the connection already.
func TestCloseFrameIsSentAfterTheClientsHalfClose(t *testing.T) {
	h := serve(t, engineio.Config{})
	for name, c := range map[string]struct {
		says []byte
		code ws.StatusCode
	}{
		"CloseFrame":            {closeFrame(4321, ""), 4321},
		"CloseFrameWithoutCode": {masked(ws.NewCloseFrame(nil)), ws.StatusNormalClosure},
		"ForbiddenCode":         {closeFrame(5000, ""), ws.StatusProtocolError},
		"ClosePacket":           {masked(ws.NewTextFrame([]byte("1"))), ws.StatusNormalClosure},
		"Violation":             {masked(ws.NewFrame(3, true, nil)), ws.StatusProtocolError},
		"BehindMessages": {append(bytes.Repeat(masked(ws.NewTextFrame([]byte("6"))), 5000),
			closeFrame(1001, "")...), ws.StatusGoingAway},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 { // try both orders: the reader may be faster than the writer, or slower
				s, session := h.connect(t)
				_, err := s.Write(c.says)
				require.NoError(t, err)
				require.NoError(t, s.Conn.(*net.TCPConn).CloseWrite())
				s.requireCloseFrame(t, c.code)
				receive(t, session.closed, "the end of the session")
			}
		})
	}

	t.Run("QueuedFramesComeBeforeIt", func(t *testing.T) {
		s, session := h.connect(t)
		large := strings.Repeat("x", 1<<20) // more than the socket takes at once
		for range 3 {
			require.True(t, session.Send(text(large), engineio.SendOptions{}))
		}
		_, err := s.Write(closeFrame(1000, ""))
		require.NoError(t, err)
		require.NoError(t, s.Conn.(*net.TCPConn).CloseWrite())
		session.ended(t, engineio.TransportClose)
		for range 3 {
			require.Len(t, s.text(t), 1+len(large))
		}
		s.requireCloseFrame(t, ws.StatusNormalClosure)
	})

	t.Run("Probe", func(t *testing.T) {
		p, session := h.poll(t)
		s := p.dial(t, "&sid="+p.sid)
		_, err := s.Write(closeFrame(4321, ""))
		require.NoError(t, err)
		require.NoError(t, s.Conn.(*net.TCPConn).CloseWrite())
		s.requireCloseFrame(t, 4321)
		require.Equal(t, 200, p.post(t, "4x").status)
		require.Equal(t, "x", session.text(t), "the session must continue")
	})

	t.Run("AfterAPause", func(t *testing.T) {
		h, room := serveWithoutRoom(t, engineio.Config{})
		s, c := h.connect(t)
		for range 2 {
			s.send(t, "4x")
		}
		receive(t, c.messages, "the first message") // the receiver has no room for the second
		_, err := s.Write(closeFrame(4321, ""))
		require.NoError(t, err)
		require.NoError(t, s.Conn.(*net.TCPConn).CloseWrite())
		s.requireCloseFrame(t, 4321)
		room()
	})
}

// serveWithoutRoom starts a server whose receivers have room for one message until room is called.
func serveWithoutRoom(t *testing.T, config engineio.Config) (h *testServer, room func()) {
	var one *engineio.Conn
	config.AllowEIO3, config.Open = true, func(c *engineio.Conn) engineio.Receiver {
		s := newSession(c)
		one = c
		h.byID.Store(c.ID(), s)
		return fullReceiver{s}
	}
	h = serve(t, config)
	return h, func() { one.Resume() }
}

// fullReceiver has no room for another message.
type fullReceiver struct{ *session }

func (f fullReceiver) Message(binary bool, data []byte, here *sched.Slot) bool {
	f.session.Message(binary, data, here)
	return false
}
