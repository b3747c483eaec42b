package engineio_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// serve3 starts a server and talks to it in version 3 of the protocol.
func serve3(t testing.TB, config engineio.Config) *testServer {
	t.Helper()
	config.AllowEIO3 = true
	h := serve(t, config)
	h.version = "3"
	return h
}

func data(p ...byte) wsframe.Part { return wsframe.Part{Binary: true, Data: p} }

func TestVersion3(t *testing.T) {
	h := serve3(t, engineio.Config{Compress: true})
	long := strings.Repeat("all work and no play ", 100)

	t.Run("ConnHasTheVersion", func(t *testing.T) {
		_, c := h.poll(t)
		require.Equal(t, 3, c.Protocol())
		h.version = "4"
		defer func() { h.version = "3" }()
		_, c = h.poll(t)
		require.Equal(t, 4, c.Protocol())
	})

	t.Run("OneFrameForAllKindsOfClients", func(t *testing.T) {
		f := wsframe.NewFrame(wsframe.Part{Data: []byte("ü")}, data(1, 2))
		s, c := h.connect(t)
		inText := h.dial(t, "&b64=1")
		c64 := h.sessionOf(t, parseHello(t, inText.text(t)).SID)
		p, polled := h.poll(t)
		for range 2 {
			for _, c := range []*session{c, c64, polled} {
				require.True(t, c.Send(f, engineio.SendOptions{}))
			}
			require.Equal(t, "4ü", s.text(t))
			require.Equal(t, "\x04\x01\x02", string(s.read(t).Payload))
			require.Equal(t, "4ü", inText.text(t))
			require.Equal(t, "b4AQI=", inText.text(t))
			a := p.get(t)
			require.Equal(t, "\x00\x03\xff4ü\x01\x03\xff\x04\x01\x02", a.body)
			require.Equal(t, "application/octet-stream", a.header.Get("Content-Type"))
		}
	})

	t.Run("TextIsSentAsText", func(t *testing.T) {
		p, c := h.poll(t)
		c.Send(text("ü"), engineio.SendOptions{})
		c.Send(text("x"), engineio.SendOptions{})
		a := p.get(t)
		require.Equal(t, "2:4ü2:4x", a.body)
		require.Equal(t, "text/plain; charset=UTF-8", a.header.Get("Content-Type"))
	})

	t.Run("Messages", func(t *testing.T) {
		s, c := h.connect(t)
		s.send(t, "4ü")
		require.Equal(t, "ü", c.text(t))
		s.write(t, ws.NewBinaryFrame([]byte{4, 1, 2}))
		require.Equal(t, data(1, 2), receive(t, c.messages, "bytes"))
		s.send(t, "b4AQI=")
		require.Equal(t, data(1, 2), receive(t, c.messages, "bytes in base64"))
		p, c := h.poll(t)
		require.Equal(t, 200, p.post(t, "2:4ü6:b4AQI=").status)
		require.Equal(t, "ü", c.text(t))
		require.Equal(t, data(1, 2), receive(t, c.messages, "bytes in base64"))
		a := p.request(t, "POST", p.query(), "\x00\x03\xff4ü\x01\x03\xff\x04\x01\x02", "Content-Type",
			"application/octet-stream")
		require.Equal(t, 200, a.status)
		require.Equal(t, "ü", c.text(t))
		require.Equal(t, data(1, 2), receive(t, c.messages, "bytes"))
	})

	t.Run("MalformedMessages", func(t *testing.T) {
		for _, f := range []ws.Frame{ws.NewBinaryFrame(nil), ws.NewBinaryFrame([]byte{7}),
			ws.NewTextFrame([]byte("b")), ws.NewTextFrame([]byte("b4*"))} {
			s, c := h.connect(t)
			s.write(t, f)
			require.Error(t, c.ended(t, engineio.ParseError))
		}
		for _, body := range []string{"", "4x", "9:4x", "2:4x1:7"} {
			p, c := h.poll(t)
			require.Equal(t, 400, p.post(t, body).status, body)
			require.Error(t, c.ended(t, engineio.ParseError), body)
		}
	})

	t.Run("CompressedBytes", func(t *testing.T) {
		s, status, _ := h.tryDial(t, "", "Sec-WebSocket-Extensions", deflateOffer)
		require.Equal(t, 101, status)
		c := h.sessionOf(t, parseHello(t, s.text(t)).SID)
		c.Send(wsframe.NewFrame(data([]byte(long)...)), engineio.SendOptions{})
		got, compressed := s.readInflated(t)
		require.True(t, compressed)
		require.Equal(t, "\x04"+long, got)
		_, err := s.Write(compressedFrame(ws.OpBinary, true, deflateMessage(t, []byte("\x04"+long))))
		require.NoError(t, err)
		require.Equal(t, long, string(receive(t, c.messages, "bytes").Data))
	})

	t.Run("CompressedResponse", func(t *testing.T) {
		p, c := h.poll(t)
		c.Send(wsframe.NewFrame(data([]byte(long)...)), engineio.SendOptions{})
		a := p.request(t, "GET", p.query(), "", "Accept-Encoding", "gzip")
		require.Equal(t, "gzip", a.header.Get("Content-Encoding"))
		r, err := gzip.NewReader(strings.NewReader(a.body))
		require.NoError(t, err)
		plain, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "\x01\x02\x01\x00\x01\xff\x04"+long, string(plain))
	})

	t.Run("CloseFromTheServer", func(t *testing.T) {
		p, c := h.poll(t)
		c.Send(text("last"), engineio.SendOptions{})
		c.Close(engineio.ForcedClose)
		require.Equal(t, "5:4last", p.get(t).body)
		require.Equal(t, "1:1", p.get(t).body)
		c.ended(t, engineio.ForcedClose)
	})

	t.Run("CloseFromTheClient", func(t *testing.T) {
		p, c := h.poll(t)
		waiting := p.getAsync(t)
		require.Eventually(t, c.Polls, patience, time.Millisecond)
		require.Equal(t, 200, p.post(t, "1:1").status)
		c.ended(t, engineio.TransportClose)
		require.Equal(t, "1:6", receive(t, waiting, "the poll's answer").body)
	})

	t.Run("Upgrade", func(t *testing.T) {
		p, c := h.poll(t)
		waiting := p.getAsync(t)
		require.Eventually(t, c.Polls, patience, time.Millisecond)
		s := p.upgrade(t)
		require.Equal(t, "1:6", receive(t, waiting, "the poll's answer").body)
		c.Send(wsframe.NewFrame(data(9)), engineio.SendOptions{})
		require.Equal(t, "\x04\x09", string(s.read(t).Payload))
		s.send(t, "4x")
		require.Equal(t, "x", c.text(t))
	})
}

func TestVersion3Refusals(t *testing.T) {
	const start = "transport=polling"
	off := serve(t, engineio.Config{})
	off.version = "3"
	a := off.request(t, "GET", start, "")
	require.Equal(t, `400 {"code":5,"message":"Unsupported protocol version"}`, fmt.Sprint(a.status, " ", a.body))

	refused := make(chan error, 10)
	h := serve3(t, engineio.Config{ErrorHandler: func(err error) { refused <- err }, MaxPayload: 100,
		Origins: []string{"https://listed.example"}})
	a = h.request(t, "GET", start+"&j=0", "")
	require.Equal(t, `400 {"code":3,"message":"Bad request","reason":"JSONP is not supported"}`,
		fmt.Sprint(a.status, " ", a.body))
	require.ErrorContains(t, receive(t, refused, "an error"), "JSONP")

	a = h.request(t, "GET", start, "", "Origin", "https://other.example")
	require.Equal(t, 403, a.status)
	a = h.request(t, "GET", start, "", "Origin", "https://listed.example")
	require.Equal(t, 200, a.status)
	require.Equal(t, "https://listed.example", a.header.Get("Access-Control-Allow-Origin"))

	p, c := h.poll(t)
	h.version = "4"
	require.Equal(t, `{"code":3,"message":"Bad request"}`, p.get(t).body, "a session keeps its version")
	h.version = "3"
	a = p.request(t, "POST", p.query(), "\x00\x01\x00\x01\xff4"+strings.Repeat("x", 100), "Content-Type",
		"application/octet-stream")
	require.Equal(t, 413, a.status)
	c.ended(t, engineio.TransportError)
}
