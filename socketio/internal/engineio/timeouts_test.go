package engineio_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// stallingRequests returns requests that a server might wait for, or whose connections it might keep open.
func stallingRequests(sid string) map[string]string {
	const length, chunked = "Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"
	const polling = "/socket.io/?EIO=4&transport=polling"
	return map[string]string{
		"AnotherPathWithoutItsBody":    "POST /other HTTP/1.1\r\nHost: x\r\n" + length,
		"AnotherPathWithAnEndlessBody": "POST /other HTTP/1.1\r\nHost: x\r\n" + chunked,
		"AnotherPath":                  "GET /other HTTP/1.1\r\nHost: x\r\n\r\n",
		"RefusedWithoutItsBody":        "POST " + polling + "&sid=x HTTP/1.1\r\nHost: x\r\n" + length,
		"RefusedWithAnEndlessBody":     "POST " + polling + "&sid=x HTTP/1.1\r\nHost: x\r\n" + chunked,
		"Refused":                      "GET " + polling + "&sid=x HTTP/1.1\r\nHost: x\r\n\r\n",
		"HandshakeWithABody":           "GET " + polling + " HTTP/1.1\r\nHost: x\r\n" + length,
		"WebSocketWithABody":           strings.TrimSuffix(requestLine+handshakeHeaders, "\r\n\r\n") + length,
		"PacketsThatDoNotCome":         "POST " + polling + "&sid=" + sid + " HTTP/1.1\r\nHost: x\r\n" + length,
		"PreflightWithoutItsBody":      "OPTIONS " + polling + " HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\n" + length,
		"RefusedPreflight":             "OPTIONS " + polling + " HTTP/1.1\r\nHost: x\r\nOrigin: http://y\r\n" + length,
		"Nothing":                      "",
		"HalfAHead":                    "GET /socket.io/ HTTP/1.1\r\nHost: x\r\n",
		"HalfAWebSocketsHead":          requestLine + "Host: x\r\n",
	}
}

// Neither a request nor its absence may keep a connection open for longer than the timeouts.
func TestNoRequestKeepsAConnectionOpen(t *testing.T) {
	const timeout = time.Second // enough for a client on a busy machine to send its request
	config := engineio.Config{HeaderTimeout: timeout, BodyTimeout: timeout, IdleTimeout: timeout}
	bound := func(s *httptest.Server) { s.Config.ReadHeaderTimeout, s.Config.IdleTimeout = timeout, timeout }
	for way, start := range map[string]func(t *testing.T) *testServer{
		"Serve":      func(t *testing.T) *testServer { return serveByServe(t, config) },
		"HTTPServer": func(t *testing.T) *testServer { return serve(t, config, withoutLog, bound) },
		"BesideOtherHandlers": func(t *testing.T) *testServer {
			return serve(t, config, withoutLog, bound, func(s *httptest.Server) {
				mux := http.NewServeMux()
				mux.Handle("/socket.io/", s.Config.Handler)
				s.Config.Handler = engineio.BoundBodies(mux, timeout)
			})
		},
	} {
		for _, drips := range []bool{false, true} {
			t.Run(fmt.Sprintf("%sDrips=%v", way, drips), func(t *testing.T) {
				h := start(t)
				var group sync.WaitGroup
				for name, request := range stallingRequests("") {
					if strings.HasPrefix(name, "PacketsThat") {
						_, c := h.poll(t)
						request = stallingRequests(c.ID())[name]
					}
					for range 5 {
						nc := h.dialRaw(t)
						_, err := io.WriteString(nc, request)
						require.NoError(t, err)
						if drips {
							go drip(nc)
						}
						group.Go(func() {
							began := time.Now()
							_, err := io.Copy(io.Discard, nc)
							if timeout, is := err.(net.Error); is && timeout.Timeout() {
								t.Errorf("%s: must be closed, but was still open after %v", name, time.Since(began))
							}
							_ = nc.Close()
						})
					}
				}
				group.Wait()
				h.connect(t) // others must be served
			})
		}
	}
}

// drip sends a byte every 50 ms until the connection is closed.
func drip(nc net.Conn) {
	for {
		time.Sleep(50 * time.Millisecond)
		if _, err := nc.Write([]byte("1")); err != nil {
			return
		}
	}
}

// A body that arrives in time must be read and the connection kept open, however long the response takes.
func TestBodyThatComesInTimeKeepsTheConnection(t *testing.T) {
	const timeout = 200 * time.Millisecond
	s := httptest.NewServer(engineio.BoundBodies(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		select {
		case <-r.Context().Done():
		case <-time.After(2 * timeout):
			_, _ = w.Write(body)
		}
	}), timeout))
	defer s.Close()
	for range 2 {
		response, err := s.Client().Post(s.URL, "text/plain", strings.NewReader("hello"))
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, "hello", string(body))
		require.False(t, response.Close, "the connection must be kept open")
	}
}

// A response that the client does not read must end the connection after the timeouts.
func TestUnreadResponsesEndTheConnection(t *testing.T) {
	config := engineio.Config{BodyTimeout: 300 * time.Millisecond}
	for way, start := range map[string]func(t *testing.T) *testServer{
		"Serve":      func(t *testing.T) *testServer { return serveByServe(t, config) },
		"HTTPServer": func(t *testing.T) *testServer { return serve(t, config, withoutLog) },
	} {
		t.Run(way, func(t *testing.T) {
			h := start(t)
			_, c := h.poll(t)
			done := make(chan struct{})
			defer close(done)
			go func() {
				for {
					select {
					case <-c.messages:
					case <-done:
						return
					}
				}
			}()
			nc := h.dialRaw(t)
			// The buffers of the system take ten thousands of responses, which last a while on a busy machine.
			require.NoError(t, nc.SetDeadline(time.Now().Add(6*patience)))
			post := "POST /socket.io/?EIO=4&transport=polling&sid=" + c.ID() + " HTTP/1.1\r\nHost: x\r\n" +
				"Content-Length: 2\r\n\r\n4x"
			many := strings.Repeat(post, 1000)
			var err error
			for err == nil {
				_, err = io.WriteString(nc, many)
			}
			timeout, is := err.(net.Error)
			require.False(t, is && timeout.Timeout(), "the connection must be closed")
		})
	}
}

func TestHosts(t *testing.T) {
	config := engineio.Config{Hosts: []string{"Example.com", "other.example:3000", "[::1]", "192.0.2.1:80"}}
	for way, start := range map[string]func(t *testing.T) *testServer{
		"Serve":      func(t *testing.T) *testServer { return serveByServe(t, config) },
		"HTTPServer": func(t *testing.T) *testServer { return serve(t, config, withoutLog) },
	} {
		t.Run(way, func(t *testing.T) {
			h := start(t)
			for text, allowed := range map[string]bool{
				"example.com": true, "EXAMPLE.COM:8080": true, "example.com.": true, "other.example:3000": true,
				"[::1]":      true,
				"[::1]:3000": true, "[0:0:0:0:0:0:0:1]": true, "192.0.2.1:80": true,
				"evil.example": false, "example.com.evil.example": false, "evil-example.com": false,
				"other.example":      false,
				"other.example:3001": false, "127.0.0.1": false, "[::2]": false, "::1": false, "192.0.2.1": false,
				"example.com:":  false,
				"example.com:x": false, "user@example.com": false,
			} {
				for _, transport := range []string{"polling", "websocket"} {
					head := requestLine
					if transport == "polling" {
						head = strings.Replace(strings.Replace(requestLine, "websocket", "polling", 1), "Upgrade",
							"X", 1)
					}
					s := h.sendRaw(t, head+strings.Replace(headersFor(transport), "Host: x", "Host: "+text, 1))
					status := s.status(t)
					if allowed {
						require.Contains(t, []int{200, 101}, status, "%s over %s", text, transport)
						h.session(t)
					} else {
						// net/http refuses some of them
						require.Contains(t, []int{403, 400}, status, "%s over %s", text, transport)
					}
				}
			}
			for _, path := range []string{"/other", "/socket.io/?EIO=4&transport=polling&sid=x"} {
				s := h.sendRaw(t, "GET "+path+" HTTP/1.1\r\nHost: evil.example\r\n\r\n")
				require.Equal(t, 403, s.status(t), "the host must be checked before everything else")
			}
		})
	}
	for _, bad := range []string{"", "http://example.com", "*.example.com", "*", "::1", "example.com:", "a b", ":80",
		"[::1", "[::1%eth0]", "[example.com]", "[127.0.0.1]", `"example.com"`} {
		_, err := engineio.NewServer(engineio.Config{Hosts: []string{bad},
			Open: func(*engineio.Conn) engineio.Receiver { return nil }})
		require.ErrorContains(t, err, "is not a host", "%q", bad)
	}
}

// headersFor returns the headers of a handshake.
func headersFor(transport string) string {
	if transport == "polling" {
		return "Host: x\r\n\r\n"
	}
	return handshakeHeaders + "\r\n"
}
