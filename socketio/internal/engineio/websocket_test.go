package engineio_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

func TestWebSocket(t *testing.T) {
	h := serve(t, engineio.Config{})

	t.Run("HandshakeIsKept", func(t *testing.T) {
		s := h.dial(t, "", "User-Agent", "a test", "X-Twice", "one", "X-Twice", "two")
		got := parseHello(t, s.text(t))
		c := h.sessionOf(t, got.SID)
		require.Len(t, got.SID, 20)
		require.Equal(t, hello{SID: got.SID, Upgrades: []string{}, PingInterval: 25000, PingTimeout: 20000,
			MaxPayload: 1000000}, got)
		require.Equal(t, "websocket", c.Transport())
		shake := c.Handshake()
		require.Equal(t, "a test", shake.Header.Get("User-Agent"))
		require.Equal(t, []string{"one", "two"}, shake.Header["X-Twice"])
		require.Equal(t, h.http.Listener.Addr().String(), shake.Header.Get("Host"))
		require.Equal(t, "/socket.io/?EIO=4&transport=websocket", shake.URL.String())
		require.Equal(t, s.LocalAddr().String(), shake.RemoteAddr)
		require.False(t, shake.TLS)
		require.False(t, shake.Time.IsZero())
	})

	t.Run("MessagesBothWays", func(t *testing.T) {
		s, c := h.connect(t)
		s.send(t, "4hello")
		require.Equal(t, "hello", c.text(t))
		s.send(t, "4")
		require.Equal(t, "", c.text(t), "an empty message must be delivered")
		s.write(t, ws.NewBinaryFrame([]byte{0, 1, 2}))
		require.Equal(t, wsframe.Part{Binary: true, Data: []byte{0, 1, 2}}, receive(t, c.messages, "a binary message"))

		require.True(t, c.Send(text("grüße"), engineio.SendOptions{}))
		require.True(t, c.Send(wsframe.NewFrame(wsframe.Part{Data: []byte("51-x")},
			wsframe.Part{Binary: true, Data: []byte{9, 8}}), engineio.SendOptions{}))
		require.Equal(t, "4grüße", s.text(t))
		require.Equal(t, "451-x", s.text(t))
		f := s.read(t)
		require.Equal(t, ws.OpBinary, f.Header.OpCode)
		require.Equal(t, []byte{9, 8}, f.Payload)
	})

	t.Run("LargeMessagesBothWays", func(t *testing.T) {
		s, c := h.connect(t)
		for _, n := range []int{125, 126, 65535, 65536, 300_000, 999_999} {
			large := strings.Repeat("ä", n/2)
			s.send(t, "4"+large)
			require.Equal(t, large, c.text(t), "%d bytes", n)
			c.Send(text(large), engineio.SendOptions{})
			require.Equal(t, "4"+large, s.text(t), "%d bytes", n)
		}
	})

	t.Run("ManyFramesInOneSegment", func(t *testing.T) {
		s, c := h.connect(t)
		var all []byte
		for i := range 500 {
			all = append(all, masked(ws.NewTextFrame([]byte("4"+strings.Repeat("x", i))))...)
		}
		_, err := s.Write(all)
		require.NoError(t, err)
		for i := range 500 {
			require.Equal(t, strings.Repeat("x", i), c.text(t))
		}
	})

	t.Run("FramesCutAnywhere", func(t *testing.T) {
		s, c := h.connect(t)
		all := masked(ws.NewTextFrame([]byte("4" + strings.Repeat("ab", 100))))
		all = append(all, masked(ws.NewPingFrame([]byte("?")))...)
		for i := range all {
			_, err := s.Write(all[i : i+1])
			require.NoError(t, err)
		}
		require.Equal(t, strings.Repeat("ab", 100), c.text(t))
		require.Equal(t, ws.NewPongFrame([]byte("?")), s.read(t))
	})

	t.Run("FragmentsAndControlFramesBetweenThem", func(t *testing.T) {
		s, c := h.connect(t)
		s.write(t, ws.NewFrame(ws.OpText, false, []byte("4a\xc3"))) // in the middle of a character
		s.write(t, ws.NewPingFrame([]byte("now")))
		s.write(t, ws.NewFrame(ws.OpContinuation, false, nil))
		s.write(t, ws.NewFrame(ws.OpContinuation, true, []byte("\xa4b")))
		require.Equal(t, "aäb", c.text(t))
		require.Equal(t, ws.NewPongFrame([]byte("now")), s.read(t))
	})

	t.Run("FramesThatComeWithTheHandshakeAreNotLost", func(t *testing.T) {
		h := serve(t, engineio.Config{})
		nc := h.dialRaw(t)
		head := handshakeRequest
		early := masked(ws.NewTextFrame([]byte("4early")))
		_, err := nc.Write(append([]byte(head), early[:len(early)-2]...))
		require.NoError(t, err)
		c := h.session(t)
		_, err = nc.Write(early[len(early)-2:])
		require.NoError(t, err)
		require.Equal(t, "early", c.text(t))
	})

	t.Run("ManyFramesAreOneWriteAndKeepTheirOrder", func(t *testing.T) {
		s, c := h.connect(t)
		shared := text("shared")
		for i := range 3000 {
			if i%3 == 0 {
				require.True(t, c.Send(shared, engineio.SendOptions{}))
			} else {
				require.True(t, c.Send(text(strings.Repeat("y", i)), engineio.SendOptions{}))
			}
		}
		for i := range 3000 {
			want := "4shared"
			if i%3 != 0 {
				want = "4" + strings.Repeat("y", i)
			}
			require.Equal(t, want, s.text(t))
		}
	})

	t.Run("EmptyFrameSendsNothing", func(t *testing.T) {
		s, c := h.connect(t)
		c.Send(wsframe.NewFrame(), engineio.SendOptions{})
		c.Send(text("x"), engineio.SendOptions{})
		require.Equal(t, "4x", s.text(t))
	})
}

func TestWebSocketRules(t *testing.T) {
	h := serve(t, engineio.Config{MaxPayload: 10_000})
	raw := func(b ...byte) []byte { return b }
	for _, c := range []struct {
		name   string
		bytes  []byte
		reason engineio.Reason
		code   ws.StatusCode
	}{
		{"Unmasked", ws.MustCompileFrame(ws.NewTextFrame([]byte("4x"))), engineio.TransportError,
			ws.StatusProtocolError},
		{"ReservedBits", masked(ws.Frame{Header: ws.Header{Fin: true, Rsv: ws.Rsv(true, false, false),
			OpCode: ws.OpText, Length: 2}, Payload: []byte("4x")}), engineio.TransportError, ws.StatusProtocolError},
		{"ReservedOpCode", masked(ws.NewFrame(3, true, []byte("4x"))), engineio.TransportError, ws.StatusProtocolError},
		{"ContinuationOfNothing", masked(ws.NewFrame(ws.OpContinuation, true, []byte("4x"))), engineio.TransportError,
			ws.StatusProtocolError},
		{"MessageInAMessage", bytes.Join([][]byte{masked(ws.NewFrame(ws.OpText, false, []byte("4x"))),
			masked(ws.NewTextFrame([]byte("4y")))}, nil), engineio.TransportError, ws.StatusProtocolError},
		{"FragmentedPing", masked(ws.NewFrame(ws.OpPing, false, nil)), engineio.TransportError, ws.StatusProtocolError},
		{"LongPing", masked(ws.NewPingFrame(make([]byte, 126))), engineio.TransportError, ws.StatusProtocolError},
		{"LengthWithItsHighestBit", raw(0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4), engineio.TransportError,
			ws.StatusProtocolError},
		{"HugeLength", raw(0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4),
			engineio.TransportError, ws.StatusMessageTooBig},
		{"TooLong", masked(ws.NewTextFrame(append([]byte("4"), make([]byte, 10_000)...))), engineio.TransportError,
			ws.StatusMessageTooBig},
		{"TooLongInFragments", bytes.Join([][]byte{masked(ws.NewFrame(ws.OpText, false,
			append([]byte("4"), make([]byte, 6000)...))),
			masked(ws.NewFrame(ws.OpContinuation, true, make([]byte, 6000)))}, nil), engineio.TransportError,
			ws.StatusMessageTooBig},
		{"TextThatIsNotUTF8", masked(ws.NewTextFrame([]byte("4\xff\xfe"))), engineio.TransportError,
			ws.StatusInvalidFramePayloadData},
		{"CloseWithOneByte", masked(ws.NewCloseFrame([]byte{3})), engineio.TransportError, ws.StatusProtocolError},
		{"CloseWithReservedCode", masked(ws.NewCloseFrame(ws.NewCloseFrameBody(1005, ""))), engineio.TransportError,
			ws.StatusProtocolError},
		{"EmptyText", masked(ws.NewTextFrame(nil)), engineio.ParseError, ws.StatusProtocolError},
		{"UnknownType", masked(ws.NewTextFrame([]byte("abc"))), engineio.ParseError, ws.StatusProtocolError},
		{"Base64OverWebSocket", masked(ws.NewTextFrame([]byte("bAQID"))), engineio.ParseError, ws.StatusProtocolError},
		{"OpenFromAClient", masked(ws.NewTextFrame([]byte("0{}"))), engineio.TransportError, ws.StatusProtocolError},
		{"PingFromAClient", masked(ws.NewTextFrame([]byte("2"))), engineio.TransportError, ws.StatusProtocolError},
		{"ProbeWithoutAnUpgrade", masked(ws.NewTextFrame([]byte("2probe"))), engineio.TransportError,
			ws.StatusProtocolError},
		{"UpgradeOfAWebSocket", masked(ws.NewTextFrame([]byte("5"))), engineio.TransportError, ws.StatusProtocolError},
		{"ClosePacket", masked(ws.NewTextFrame([]byte("1"))), engineio.TransportClose, ws.StatusNormalClosure},
		{"CloseFrame", masked(ws.NewCloseFrame(ws.NewCloseFrameBody(4321, "bye"))), engineio.TransportClose, 4321},
		{"CloseFrameWithoutCode", masked(ws.NewCloseFrame(nil)), engineio.TransportClose, ws.StatusNormalClosure},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			other, otherSession := h.connect(t)
			s, session := h.connect(t)
			_, err := s.Write(c.bytes)
			require.NoError(t, err)
			s.requireCloseFrame(t, c.code)
			e := receive(t, session.closed, "the end of the session")
			require.Equal(t, c.reason, e.reason)
			if c.reason != engineio.TransportClose {
				require.Error(t, e.err, "the receiver must get the error")
			}
			require.Empty(t, session.messages)
			require.False(t, session.Send(text("late"), engineio.SendOptions{}),
				"Send must return false after the end of the session")
			other.send(t, "4unharmed")
			require.Equal(t, "unharmed", otherSession.text(t))
		})
	}

	t.Run("NothingAfterAViolationIsDelivered", func(t *testing.T) {
		s, c := h.connect(t)
		_, err := s.Write(bytes.Join([][]byte{masked(ws.NewTextFrame([]byte("4before"))),
			masked(ws.NewTextFrame([]byte("x"))), masked(ws.NewTextFrame([]byte("4after")))}, nil))
		require.NoError(t, err)
		c.ended(t, engineio.ParseError)
		require.Equal(t, "before", c.text(t))
		s.requireCloseFrame(t, ws.StatusProtocolError)
		require.Empty(t, c.messages)
	})

	t.Run("ClientThatClosesTheConnectionEndsTheSession", func(t *testing.T) {
		s, c := h.connect(t)
		require.NoError(t, s.Close())
		c.ended(t, engineio.TransportClose)
	})

	t.Run("NoopAndPongAreAccepted", func(t *testing.T) {
		s, c := h.connect(t)
		s.send(t, "6")
		s.send(t, "3")
		s.write(t, ws.NewPongFrame(nil))
		s.send(t, "4x")
		require.Equal(t, "x", c.text(t))
	})
}
