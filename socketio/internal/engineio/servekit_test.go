package engineio_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// useServe makes serve start servers with Server.Serve instead of an http.Server.
var useServe bool

// startServe starts the server with Serve.
func (h *testServer) startServe(t testing.TB) {
	h.http.URL = "http://" + h.http.Listener.Addr().String()
	transport := &http.Transport{}
	h.client = &http.Client{Transport: transport}
	done := async(func() error { return h.Serve(h.http.Listener) })
	t.Cleanup(func() {
		require.NoError(t, h.Close())
		require.ErrorIs(t, receive(t, done, "Serve"), http.ErrServerClosed)
		transport.CloseIdleConnections()
	})
}

// serveByServe starts a server with Serve.
func serveByServe(t *testing.T, config engineio.Config) *testServer {
	useServe = true
	defer func() { useServe = false }()
	return serve(t, config)
}

// The parts of the request that opens a WebSocket.
const (
	requestLine      = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
	handshakeHeaders = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n"
	handshakeRequest = requestLine + handshakeHeaders + "\r\n"
)

// sendRaw writes to a new connection, which the test reads afterwards.
func (h *testServer) sendRaw(t *testing.T, what string) *socket {
	t.Helper()
	nc := h.dialRaw(t)
	_, err := io.WriteString(nc, what)
	require.NoError(t, err)
	return &socket{Conn: nc, r: bufio.NewReader(nc)}
}

// status reads a response and returns its status.
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

// sessionOpenedBy reads the responses to a successful handshake.
func (h *testServer) sessionOpenedBy(t *testing.T, s *socket) *session {
	t.Helper()
	require.Equal(t, 101, s.status(t))
	return h.sessionOf(t, parseHello(t, s.text(t)).SID)
}
