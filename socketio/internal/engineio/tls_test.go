package engineio_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// overTLS makes the server use TLS, and offer HTTP/2.
func overTLS(s *httptest.Server) {
	s.EnableHTTP2 = true
	s.TLS = new(tls.Config)
}

func (h *testServer) dialTLS(t testing.TB, query string) *socket {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(h.http.Certificate())
	nc := tls.Client(h.dialRaw(t), &tls.Config{RootCAs: roots, ServerName: "example.com",
		NextProtos: []string{"http/1.1"}})
	s, status, body := h.handshake(t, nc, query)
	require.Equal(t, 101, status, body)
	return s
}

func (h *testServer) connectTLS(t testing.TB) (*socket, *session) {
	t.Helper()
	s := h.dialTLS(t, "")
	return s, h.sessionOf(t, parseHello(t, s.text(t)).SID)
}

func TestTLS(t *testing.T) {
	h := serve(t, engineio.Config{SendQueue: 100}, overTLS)

	t.Run("WebSocket", func(t *testing.T) {
		s, c := h.connectTLS(t)
		require.True(t, c.Handshake().TLS)
		for _, n := range []int{0, 1, 100, 5000, 200_000} {
			want := strings.Repeat("x", n)
			s.send(t, "4"+want)
			require.Equal(t, want, c.text(t))
			c.Send(text(want), engineio.SendOptions{})
			require.Equal(t, "4"+want, s.text(t))
		}
		for i := range 90 {
			require.True(t, c.Send(text(strings.Repeat("y", i)), engineio.SendOptions{}))
		}
		for i := range 90 {
			require.Equal(t, "4"+strings.Repeat("y", i), s.text(t))
		}
		c.Close(engineio.ForcedClose)
		c.ended(t, engineio.ForcedClose)
		s.requireCloseFrame(t, ws.StatusNormalClosure)
	})

	t.Run("ClientSendsACloseFrame", func(t *testing.T) {
		s, c := h.connectTLS(t)
		s.write(t, ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
		s.requireCloseFrame(t, ws.StatusNormalClosure)
		c.ended(t, engineio.TransportClose)
	})

	t.Run("ClientSendsACloseFrameAndEndsItsSide", func(t *testing.T) {
		for range 20 {
			s, c := h.connectTLS(t)
			s.write(t, ws.NewCloseFrame(ws.NewCloseFrameBody(4321, "")))
			require.NoError(t, s.Conn.(*tls.Conn).CloseWrite())
			s.requireCloseFrame(t, 4321)
			c.ended(t, engineio.TransportClose)
		}
	})

	t.Run("SlowReaderHoldsUpNoOthers", func(t *testing.T) {
		_, slow := h.connectTLS(t)
		fast, other := h.connectTLS(t)
		f := text(strings.Repeat("x", 100_000))
		fillSocket(t, slow, f)
		for slow.Send(f, engineio.SendOptions{}) {
			other.Send(f, engineio.SendOptions{})
			require.Len(t, fast.text(t), 100_001)
		}
		slow.ended(t, engineio.SendQueueFull)
	})

	t.Run("Upgrade", func(t *testing.T) {
		a, err := h.try(context.Background(), "GET", h.http.URL+"/socket.io/?EIO=4&transport=polling", nil)
		require.NoError(t, err)
		p := &pollingClient{testServer: h, sid: parseHello(t, a.body).SID} // its client speaks HTTP/2
		c := h.sessionOf(t, p.sid)
		require.Equal(t, 200, p.post(t, "4by HTTP/2").status)
		require.Equal(t, "by HTTP/2", c.text(t))
		s := h.dialTLS(t, "&sid="+p.sid)
		s.send(t, "2probe")
		require.Equal(t, "3probe", s.text(t))
		s.send(t, "5")
		s.send(t, "4x")
		require.Equal(t, "x", c.text(t))
	})

	t.Run("WebSocketOverHTTP2IsRefused", func(t *testing.T) {
		a, err := h.try(context.Background(), "GET", h.http.URL+"/socket.io/?EIO=4&transport=websocket", nil)
		require.NoError(t, err)
		require.Equal(t, 400, a.status)
		require.JSONEq(t, `{"code":3,"message":"Bad request"}`, a.body)
	})

	t.Run("Shutdown", func(t *testing.T) {
		h := serve(t, engineio.Config{}, overTLS)
		s, c := h.connectTLS(t)
		_, stuck := h.connectTLS(t)
		fillSocket(t, stuck, text(strings.Repeat("x", 100_000)))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, h.Shutdown(ctx), context.DeadlineExceeded)
		c.ended(t, engineio.ServerShutdown)
		stuck.ended(t, engineio.ServerShutdown)
		require.Equal(t, ws.OpClose, s.read(t).Header.OpCode)
	})
}
