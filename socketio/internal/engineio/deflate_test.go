package engineio_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

const deflateOffer = "permessage-deflate; client_max_window_bits"

// deflateMessage compresses a message as a client does.
func deflateMessage(t testing.TB, p []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, 9)
	require.NoError(t, err)
	_, err = w.Write(p)
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
}

func compressedFrame(op ws.OpCode, fin bool, p []byte) []byte {
	return masked(ws.Frame{Header: ws.Header{Fin: fin, Rsv: ws.Rsv(true, false, false), OpCode: op,
		Length: int64(len(p))}, Payload: p})
}

// readInflated reads a frame and decompresses it. It reports whether the frame was compressed.
func (s *socket) readInflated(t testing.TB) (string, bool) {
	t.Helper()
	f := s.read(t)
	if !f.Header.Rsv1() {
		return string(f.Payload), false
	}
	p, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(f.Payload),
		strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	require.NoError(t, err)
	return string(p), true
}

func TestDeflate(t *testing.T) {
	h := serve(t, engineio.Config{Compress: true, MaxPayload: 100_000})
	connect := func(t *testing.T) (*socket, *session) {
		t.Helper()
		s, status, accepted := h.tryDial(t, "", "Sec-WebSocket-Extensions", deflateOffer)
		require.Equal(t, 101, status)
		require.Equal(t, "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
			strings.ReplaceAll(accepted, " ", ""))
		return s, h.sessionOf(t, parseHello(t, s.text(t)).SID)
	}
	long := strings.Repeat("all work and no play ", 100)

	t.Run("LongMessagesAreCompressedOnce", func(t *testing.T) {
		one, c := connect(t)
		two, d := connect(t)
		plain, e := h.connect(t)
		f := wsframe.NewFrame(wsframe.Part{Data: []byte(long)}, wsframe.Part{Binary: true, Data: []byte("short")},
			wsframe.Part{Binary: true, Data: []byte(long)})
		for _, c := range []*session{c, d, e} {
			require.True(t, c.Send(f, engineio.SendOptions{}))
		}
		for _, s := range []*socket{one, two, plain} {
			got, was := s.readInflated(t)
			require.Equal(t, "4"+long, got)
			require.Equal(t, s != plain, was)
			got, was = s.readInflated(t)
			require.Equal(t, "short", got)
			require.False(t, was)
			got, was = s.readInflated(t)
			require.Equal(t, long, got)
			require.Equal(t, s != plain, was)
		}
		require.True(t, c.Send(f, engineio.SendOptions{NoCompress: true}))
		_, was := one.readInflated(t)
		require.False(t, was, "NoCompress")
	})

	t.Run("IncompressibleMessagesAreSentPlain", func(t *testing.T) {
		s, c := connect(t)
		noise := make([]byte, 4000)
		x := uint32(1)
		for i := range noise {
			x = x*1664525 + 1013904223
			noise[i] = byte(x >> 24)
		}
		c.Send(wsframe.NewFrame(wsframe.Part{Binary: true, Data: noise}), engineio.SendOptions{})
		got, was := s.readInflated(t)
		require.Equal(t, string(noise), got)
		require.False(t, was)
	})

	t.Run("CompressedMessagesFromTheClient", func(t *testing.T) {
		s, c := connect(t)
		_, err := s.Write(compressedFrame(ws.OpText, true, deflateMessage(t, []byte("4"+long))))
		require.NoError(t, err)
		require.Equal(t, long, c.text(t))
		p := deflateMessage(t, []byte(long))
		_, err = s.Write(append(compressedFrame(ws.OpBinary, false, p[:10]),
			masked(ws.NewFrame(ws.OpContinuation, true, p[10:]))...))
		require.NoError(t, err)
		require.Equal(t, wsframe.Part{Binary: true, Data: []byte(long)}, receive(t, c.messages, "a message"))
		s.send(t, "4plain")
		require.Equal(t, "plain", c.text(t))
	})

	t.Run("AfterAnUpgrade", func(t *testing.T) {
		p, c := h.poll(t)
		s := h.dial(t, "&sid="+p.sid, "Sec-WebSocket-Extensions", deflateOffer)
		s.send(t, "2probe")
		require.Equal(t, "3probe", s.text(t))
		c.Send(text(long), engineio.SendOptions{}) // queued while it polls
		s.send(t, "5")
		got, was := s.readInflated(t)
		require.Equal(t, "4"+long, got)
		require.True(t, was)
	})

	for name, c := range map[string]struct {
		frames []byte
		code   ws.StatusCode
	}{
		"Bomb": {compressedFrame(ws.OpText, true,
			deflateMessage(t, append([]byte("4"), make([]byte, 5_000_000)...))), ws.StatusMessageTooBig},
		"JustTooLarge": {compressedFrame(ws.OpBinary, true, deflateMessage(t, make([]byte, 100_001))),
			ws.StatusMessageTooBig},
		"Garbage": {compressedFrame(ws.OpText, true, []byte("\xff\xff\xff\xff")),
			ws.StatusProtocolError},
		"Truncated": {compressedFrame(ws.OpText, true, deflateMessage(t, []byte(long))[:20]),
			ws.StatusProtocolError},
		"NotUTF8": {compressedFrame(ws.OpText, true, deflateMessage(t, []byte("4\xff"))),
			ws.StatusInvalidFramePayloadData},
		"ControlFrame": {compressedFrame(ws.OpPing, true, nil), ws.StatusProtocolError},
		"OtherReservedBit": {masked(ws.Frame{Header: ws.Header{Fin: true, Rsv: ws.Rsv(false, true, false),
			OpCode: ws.OpText, Length: 1}, Payload: []byte("4")}), ws.StatusProtocolError},
		"ContinuationWithTheBitSet": {append(masked(ws.NewFrame(ws.OpText, false, []byte("4"))),
			compressedFrame(ws.OpContinuation, true, nil)...), ws.StatusProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			s, session := connect(t)
			_, err := s.Write(c.frames)
			require.NoError(t, err)
			s.requireCloseFrame(t, c.code)
			require.Error(t, session.ended(t, engineio.TransportError))
		})
	}

	for name, o := range map[string]string{
		"OtherExtension": "x-webkit-deflate-frame",
		"SmallWindow":    "permessage-deflate; server_max_window_bits=10",
		"Nonsense":       "permessage-deflate; nonsense=1",
	} {
		t.Run("Declined"+name, func(t *testing.T) {
			s, status, accepted := h.tryDial(t, "", "Sec-WebSocket-Extensions", o)
			require.Equal(t, 101, status)
			require.Empty(t, accepted)
			parseHello(t, s.text(t))
		})
	}

	t.Run("OffByDefault", func(t *testing.T) {
		h := serve(t, engineio.Config{})
		_, _, accepted := h.tryDial(t, "", "Sec-WebSocket-Extensions", deflateOffer)
		require.Empty(t, accepted)
	})
}
