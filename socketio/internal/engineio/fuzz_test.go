package engineio_test

import (
	"io"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// FuzzWebSocketClient sends arbitrary bytes after a handshake. The session ends, the server continues, and it
// sends only whole frames.
func FuzzWebSocketClient(f *testing.F) {
	f.Add([]byte("4hello"), true)
	f.Add(masked(ws.NewTextFrame([]byte("4hello"))), false)
	f.Add(append(masked(ws.NewFrame(ws.OpText, false, []byte("4a"))),
		masked(ws.NewFrame(ws.OpContinuation, true, []byte("b")))...), false)
	f.Add(masked(ws.NewPingFrame([]byte("x"))), false)
	f.Add(masked(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "bye"))), false)
	f.Add([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, false)
	f.Add(compressedFrame(ws.OpText, true, []byte{0xaa, 0x56, 0x4a, 4, 0}), false)
	fuzzWebSocket(f, serve(f, engineio.Config{MaxPayload: 1000, Compress: true}))
}

// FuzzWebSocketClient3 is FuzzWebSocketClient for version 3 of the protocol.
func FuzzWebSocketClient3(f *testing.F) {
	f.Add([]byte("4hello"), true)
	f.Add([]byte("b4AQID"), true)
	f.Add([]byte("2"), true)
	f.Add(masked(ws.NewBinaryFrame([]byte{4, 1, 2})), false)
	f.Add(masked(ws.NewBinaryFrame([]byte{2})), false)
	f.Add(compressedFrame(ws.OpBinary, true, deflateMessage(f, []byte{4, 1, 2})), false)
	fuzzWebSocket(f, serve3(f, engineio.Config{MaxPayload: 1000, Compress: true}))
}

func fuzzWebSocket(f *testing.F, h *testServer) {
	f.Fuzz(func(t *testing.T, data []byte, text bool) {
		s, status, _ := h.tryDial(t, "", "Sec-WebSocket-Extensions", deflateOffer)
		require.Equal(t, 101, status)
		c := h.sessionOf(t, parseHello(t, s.text(t)).SID)
		defer h.byID.Delete(c.ID())
		<-h.sessions
		c.handle = func(binary bool, data []byte) {
			require.LessOrEqual(t, len(data), 1000)
			c.Send(wsframe.NewFrame(wsframe.Part{Binary: binary, Data: data}), engineio.SendOptions{})
		}
		if text {
			data = masked(ws.NewTextFrame(data))
		}
		go func() {
			_, _ = s.Write(data) // the server may have closed the connection
			_ = s.Conn.(interface{ CloseWrite() error }).CloseWrite()
		}()
		require.NoError(t, s.SetReadDeadline(time.Now().Add(patience)))
		for {
			_, err := ws.ReadFrame(s.r)
			if err != nil {
				require.NotErrorIs(t, err, io.ErrUnexpectedEOF, "the server must send whole frames only")
				break
			}
		}
		receive(t, c.closed, "the end of the session")
		require.NoError(t, s.Close())
	})
}

// FuzzPollingClient posts arbitrary bodies.
func FuzzPollingClient(f *testing.F) {
	f.Add([]byte("4hello\x1ebAQID\x1e3"))
	f.Add([]byte("\x1e\x1e"))
	f.Add([]byte("b===="))
	f.Add([]byte("1"))
	h := serve(f, engineio.Config{MaxPayload: 1000})
	f.Fuzz(func(t *testing.T, body []byte) { h.postFuzzed(t, body, "text/plain;charset=UTF-8") })
}

// FuzzPollingClient3 is FuzzPollingClient for version 3 of the protocol.
func FuzzPollingClient3(f *testing.F) {
	f.Add([]byte("6:4hello6:b4AQI=1:2"), false)
	f.Add([]byte("99999999999:4"), false)
	f.Add([]byte("1:1"), false)
	f.Add([]byte("\x00\x03\xff4ab\x01\x03\xff\x04\x01\x02"), true)
	f.Add([]byte("\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff\x04"), true)
	h := serve3(f, engineio.Config{MaxPayload: 1000})
	f.Fuzz(func(t *testing.T, body []byte, binary bool) {
		h.postFuzzed(t, body, map[bool]string{false: "text/plain", true: "application/octet-stream"}[binary])
	})
}

// postFuzzed posts a body to a new session, and closes the session.
func (h *testServer) postFuzzed(t *testing.T, body []byte, contentType string) {
	p, c := h.poll(t)
	defer h.byID.Delete(c.ID())
	<-h.sessions
	var size int
	c.handle = func(_ bool, data []byte) { size += len(data) }
	a := p.request(t, "POST", p.query(), string(body), "Content-Type", contentType)
	require.Contains(t, []int{200, 400, 413}, a.status)
	require.LessOrEqual(t, size, len(body))
	c.Close(engineio.ForcedClose)
	receive(t, c.closed, "the end of the session")
	require.Contains(t, []int{200, 400}, p.get(t).status)
}
