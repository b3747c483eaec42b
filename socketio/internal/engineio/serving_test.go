package engineio_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// byServe has serve start servers with their own Serve instead of an HTTP server around them.
var byServe bool

// serveItself starts a host without an HTTP server.
func (h *host) serveItself(t testing.TB) {
	h.http.URL = "http://" + h.http.Listener.Addr().String()
	transport := &http.Transport{}
	h.client = &http.Client{Transport: transport}
	done := returns(func() error { return h.Serve(h.http.Listener) })
	t.Cleanup(func() {
		require.NoError(t, h.Close())
		require.ErrorIs(t, receive(t, done, "Serve"), http.ErrServerClosed)
		transport.CloseIdleConnections()
	})
}

// itself starts a server by Serve.
func itself(t *testing.T, config engineio.Config) *host {
	byServe = true
	defer func() { byServe = false }()
	return serve(t, config)
}

const (
	asking = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
	rules  = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n"
)

// say writes to a new connection, and begins to read it.
func (h *host) say(t *testing.T, what string) *socket {
	t.Helper()
	nc := h.dialRaw(t)
	_, err := io.WriteString(nc, what)
	require.NoError(t, err)
	return &socket{Conn: nc, r: bufio.NewReader(nc)}
}

// status reads an answer's head.
func (s *socket) status(t *testing.T) int {
	t.Helper()
	response, err := http.ReadResponse(s.r, nil)
	require.NoError(t, err)
	if response.StatusCode != 101 {
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
	}
	return response.StatusCode
}

// opened reads the answers to a handshake that has succeeded.
func (h *host) opened(t *testing.T, s *socket) *session {
	t.Helper()
	require.Equal(t, 101, s.status(t))
	return h.of(t, parseHello(t, s.text(t)).SID)
}
