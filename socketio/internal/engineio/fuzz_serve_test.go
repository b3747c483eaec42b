package engineio_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// FuzzServeHead begins a connection with arbitrary bytes. Serve, which parses the head of a request itself, has
// to respond as net/http does.
func FuzzServeHead(f *testing.F) {
	for _, head := range stallingRequests("x") {
		f.Add([]byte(head))
	}
	handshake := requestLine + handshakeHeaders + "\r\n"
	f.Add([]byte(handshake))
	f.Add([]byte(handshake + "\x81\x82\x00\x00\x00\x0040"))
	f.Add([]byte(strings.ReplaceAll(handshake, "\r\n", "\n")))
	f.Add([]byte(strings.Replace(handshake, "HTTP/1.1", "HTTP/1.0", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x\r\n", "", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x\r\n", "Host: x\r\nHost: y\r\n", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x", "Host: x\x00y", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x", "Host: x/y z", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x\r\n", "Host: x\r\nA: \x01\x7f\r\n", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x\r\n", "Host: x\r\nA b: c\r\n", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x\r\n",
		"Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x\r\n", "Host: x\r\n folded\r\n", 1)))
	f.Add([]byte(strings.Replace(handshake, "?EIO", "?%zz&EIO", 1)))
	f.Add([]byte(strings.Replace(handshake, "/socket.io/", "/socket.io", 1)))
	f.Add([]byte(strings.Replace(handshake, "HTTP/1.1", "HTTP/0.0", 1)))
	f.Add([]byte(handshake + handshake))
	f.Add([]byte(strings.Replace(handshake, "Connection: Upgrade", "Connection: keep-alive\r\nConnection: ,UPGRADE",
		1)))
	f.Add([]byte(strings.Replace(handshake, "Upgrade: websocket", "Upgrade: h2c, websocket", 1)))
	f.Add([]byte(strings.Replace(handshake, "Version: 13", "Version: 8", 1)))
	f.Add([]byte(strings.Replace(handshake, "EC==", "E!==", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x\r\n",
		"Host: x\r\nSec-WebSocket-Protocol: a, b\r\nOrigin: file://\r\n", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x\r\n",
		"Host: x\r\nOrigin: https://y\r\nX-Forwarded-Host: y\r\nX-Forwarded-Proto: https\r\n", 1)))
	f.Add([]byte(strings.Replace(handshake, "Host: x\r\n",
		"Host: x\r\nOrigin: http://y\r\nForwarded: for=\"[::1]\";host=y\r\n", 1)))
	config := engineio.Config{TrustedProxies: []string{"127.0.0.1"}, BodyTimeout: 200 * time.Millisecond,
		HeaderTimeout: 5 * time.Second}
	own := servedBy(f, true, config)
	other := servedBy(f, false, config)
	f.Fuzz(func(t *testing.T, head []byte) {
		if len(head) > 8<<10 || strings.Contains(string(head), "PRI * HTTP/2") {
			return
		}
		require.Equal(t, other(t, head), own(t, head), "%q", head)
	})
}

// servedBy starts a server. It returns a function that sends the head of a request, and returns the status of
// the response, 400 if there is none.
func servedBy(f *testing.F, itself bool, config engineio.Config) func(t *testing.T, head []byte) int {
	useServe = itself
	defer func() { useServe = false }()
	h := serve(f, config, withoutLog, func(s *httptest.Server) { s.Config.ReadHeaderTimeout = config.HeaderTimeout })
	return func(t *testing.T, head []byte) int {
		nc := h.dialRaw(t)
		defer nc.Close()
		_, _ = nc.Write(head) // the server may have closed the connection
		if !bytes.Contains(head, []byte("\n\r\n")) && !bytes.Contains(head, []byte("\n\n")) {
			_ = nc.(*net.TCPConn).CloseWrite() // there is no more
		}
		response, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			return http.StatusBadRequest
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		for len(h.sessions) > 0 {
			h.byID.Delete((<-h.sessions).ID())
		}
		return response.StatusCode
	}
}
