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
	h := serve(f, engineio.Config{MaxPayload: 1000, Compress: true})
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
	f.Fuzz(func(t *testing.T, body []byte) {
		p, c := h.poll(t)
		defer h.byID.Delete(c.ID())
		<-h.sessions
		var size int
		c.handle = func(_ bool, data []byte) { size += len(data) }
		a := p.post(t, string(body))
		require.Contains(t, []int{200, 400, 413}, a.status)
		require.LessOrEqual(t, size, len(body))
		c.Close(engineio.ForcedClose)
		receive(t, c.closed, "the end of the session")
		require.Contains(t, []int{200, 400}, p.get(t).status)
	})
}
