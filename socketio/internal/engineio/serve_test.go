package engineio_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/accept"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// Serve does the same as an http.Server.
func TestServeDoesTheSameAsAnHTTPServer(t *testing.T) {
	useServe = true
	defer func() { useServe = false }()
	for name, test := range map[string]func(*testing.T){
		"Refusals":                        TestRefusals,
		"Transports":                      TestTransports,
		"MaxConnections":                  TestMaxConnections,
		"Rates":                           TestRates,
		"LimitsOfAnAddress":               TestLimitsOfAnAddress,
		"MemoryOfAllQueues":               TestMemoryOfAllQueues,
		"Close":                           TestClose,
		"Shutdown":                        TestShutdown,
		"Deflate":                         TestDeflate,
		"Origins":                         TestOrigins,
		"Cookie":                          TestCookie,
		"HandshakeReturnsACopy":           TestHandshakeReturnsACopy,
		"TaskThatBlocksHoldsUpNoMessages": TestTaskThatBlocksHoldsUpNoMessages,
		"TaskMayEndItsGoroutine":          TestTaskMayEndItsGoroutine,
		"EverythingIsReadBeforeTheEnd":    TestEverythingIsReadBeforeTheEnd,
		"CloseDoesNotWaitForTasks":        TestCloseDoesNotWaitForTasks,
		"Polling":                         TestPolling,
		"PollingLimits":                   TestPollingLimits,
		"SlowReader":                      TestSlowReader,
		"Upgrade":                         TestUpgrade,
		"UpgradeTimeout":                  TestUpgradeTimeout,
		"NoUpgrades":                      TestNoUpgrades,
		"Version3":                        TestVersion3,
		"Version3Refusals":                TestVersion3Refusals,
		"WebSocket":                       TestWebSocket,
		"WebSocketRules":                  TestWebSocketRules,
		"HandshakeHeaders":                TestHandshakeHeadersAreParsedAsLists,
		"Subprotocols":                    TestFirstSubprotocolIsChosen,
		"Extensions":                      TestExtensionOffersAreParsedAsAList,
		"CloseCodes":                      TestCloseFrameIsAnsweredWithItsCode,
		"CloseFrameAfterHalfClose":        TestCloseFrameIsSentAfterTheClientsHalfClose,
		"SessionsEndOnTime":               TestSessionsEndOnTime,
		"RefusalNamesTheOriginOrHost":     TestRefusalNamesTheOriginOrHost,
		"TrustedProxies":                  TestTrustedProxies,
		"ChecksUseForwardedValues":        TestChecksUseForwardedValues,
	} {
		t.Run(name, test)
	}
}

func TestServe(t *testing.T) {
	h := serveByServe(t, engineio.Config{})

	t.Run("HeadMayComeByteByByte", func(t *testing.T) {
		s := h.sendRaw(t, "")
		for _, b := range []byte(requestLine + handshakeHeaders + "\r\n") {
			_, err := s.Write([]byte{b})
			require.NoError(t, err)
		}
		c := h.sessionOpenedBy(t, s)
		s.send(t, "4x")
		require.Equal(t, "x", c.text(t))
	})

	t.Run("FramesMayFollowTheHeadAtOnce", func(t *testing.T) {
		s := h.sendRaw(t, requestLine+handshakeHeaders+"\r\n"+string(masked(ws.NewTextFrame([]byte("4early"))))+"\x81")
		c := h.sessionOpenedBy(t, s)
		require.Equal(t, "early", c.text(t))
		_, err := s.Write(masked(ws.NewTextFrame([]byte("4split")))[1:])
		require.NoError(t, err)
		require.Equal(t, "split", c.text(t))
	})

	t.Run("LinesMayEndWithoutACarriageReturn", func(t *testing.T) {
		h.sessionOpenedBy(t, h.sendRaw(t, strings.ReplaceAll(requestLine+handshakeHeaders+"\r\n", "\r", "")))
		h.sessionOpenedBy(t, h.sendRaw(t, strings.ReplaceAll(requestLine+handshakeHeaders, "\r", "")+"\r\n"))
	})

	t.Run("ManyAtOnce", func(t *testing.T) {
		all := make([]net.Conn, 200)
		for i := range all {
			all[i] = h.dialRaw(t)
		}
		for _, nc := range all {
			_, err := io.WriteString(nc, requestLine+handshakeHeaders+"\r\n")
			require.NoError(t, err)
		}
		for _, nc := range all {
			c := h.sessionOpenedBy(t, &socket{Conn: nc, r: bufio.NewReader(nc)})
			require.Equal(t, nc.LocalAddr().String(), c.Handshake().RemoteAddr)
		}
	})

	t.Run("TheHandshakeIsKept", func(t *testing.T) {
		s := h.sendRaw(t, strings.Replace(requestLine, "EIO", "a=b%20c&EIO",
			1)+handshakeHeaders+"Cookie: a=1\r\nx-two: 1\r\nX-Two: 2\r\n\r\n")
		k := h.sessionOpenedBy(t, s).Handshake()
		require.Equal(t, "b c", k.URL.Query().Get("a"))
		require.Equal(t, "a=1", k.Header.Get("Cookie"))
		require.Equal(t, []string{"1", "2"}, k.Header.Values("X-Two"))
		require.Equal(t, "x", k.Header.Get("Host"))
		require.Equal(t, s.LocalAddr().String(), k.RemoteAddr)
		require.False(t, k.TLS)
	})

	for name, r := range map[string]struct {
		head   string
		status int
	}{
		"OtherMethod":  {strings.Replace(requestLine, "GET", "PUT", 1) + handshakeHeaders, 400},
		"OtherPath":    {strings.Replace(requestLine, "/socket.io/", "/other/", 1) + handshakeHeaders, 404},
		"LongerPath":   {strings.Replace(requestLine, "/socket.io/", "/socket.io/x", 1) + handshakeHeaders, 404},
		"OtherVersion": {strings.Replace(requestLine, "EIO=4", "EIO=3", 1) + handshakeHeaders, 400},
		"OldHTTP":      {strings.Replace(requestLine, "HTTP/1.1", "HTTP/1.0", 1) + handshakeHeaders, 505},
		"NoHTTP":       {strings.Replace(requestLine, "HTTP/1.1", "HTTX/1.1", 1) + handshakeHeaders, 400},
		"NoKey":        {requestLine + strings.Replace(handshakeHeaders, "Sec-WebSocket-Key", "X-Key", 1), 400},
		"NoHost":       {requestLine + strings.Replace(handshakeHeaders, "Host", "X-Host", 1), 400},
		"NoUpgrade":    {requestLine + strings.Replace(handshakeHeaders, "Upgrade: websocket", "X: y", 1), 400},
		"OtherUpgrade": {requestLine + strings.Replace(handshakeHeaders, "Upgrade: websocket", "Upgrade: h2c", 1),
			400},
		"VersionOf12":    {requestLine + strings.Replace(handshakeHeaders, "13", "12", 1), 426},
		"OtherOrigin":    {requestLine + handshakeHeaders + "Origin: http://evil.example\r\n", 403},
		"UnknownSession": {strings.Replace(requestLine, "EIO", "sid=x&EIO", 1) + handshakeHeaders, 400},
		"NoHeader":       {requestLine + handshakeHeaders + "no header\r\n", 400},
		"HugeHeader":     {requestLine + handshakeHeaders + "X-Huge: " + strings.Repeat("x", 17<<10) + "\r\n", 431},
		"HugeURL": {strings.Replace(requestLine, "EIO", "x="+strings.Repeat("x", 17<<10)+"&EIO",
			1) + handshakeHeaders, 431},
		"Expectation":   {requestLine + handshakeHeaders + "Expect: 100-continue\r\n", 101},
		"OtherExpected": {requestLine + handshakeHeaders + "Expect: 200-ok\r\n", 417},
		"WithALength":   {requestLine + handshakeHeaders + "Content-Length: 0\r\n", 101},
	} {
		t.Run(name, func(t *testing.T) {
			s := h.sendRaw(t, r.head+"\r\n")
			require.Equal(t, r.status, s.status(t))
		})
	}

	t.Run("HugeHeadWithoutAnEndIsRefused", func(t *testing.T) {
		s := h.sendRaw(t, requestLine+"X-Huge: "+strings.Repeat("x", 15<<10))
		_, _ = io.WriteString(s, strings.Repeat("x", 64<<10)) // fails if the server has already refused the head
		require.Equal(t, 431, s.status(t))
	})

	t.Run("ConnectionIsClosedAfterARefusal", func(t *testing.T) {
		s := h.sendRaw(t, strings.Replace(requestLine, "EIO=4", "EIO=3", 1)+handshakeHeaders+"\r\n")
		require.Equal(t, 400, s.status(t))
		s.requireClosed(t)
	})

	t.Run("PollsAndThenAWebSocketOnOneConnection", func(t *testing.T) {
		s := h.sendRaw(t, "")
		ask := func(head string) string {
			_, err := io.WriteString(s, head+"Host: x\r\n\r\n")
			require.NoError(t, err)
			response, err := http.ReadResponse(s.r, nil)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			return string(body)
		}
		const polling = "GET /socket.io/?EIO=4&transport=polling"
		sid := parseHello(t, ask(polling+" HTTP/1.1\r\n")).SID
		c := h.sessionOf(t, sid)
		c.Send(text("one"), engineio.SendOptions{})
		require.Equal(t, "4one", ask(polling+"&sid="+sid+" HTTP/1.1\r\n"))
		_, err := io.WriteString(s, strings.Replace(requestLine, "EIO", "sid="+sid+"&EIO", 1)+handshakeHeaders+"\r\n")
		require.NoError(t, err)
		require.Equal(t, 101, s.status(t))
		h.upgrade(t, s, c)
	})

	t.Run("PollingClientMayOfferAnotherProtocol", func(t *testing.T) { // such as HTTP/2, as Java's client does
		const offer = " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
			"HTTP2-Settings: \r\n\r\n"
		s := h.sendRaw(t, "GET /socket.io/?EIO=4&transport=polling"+offer)
		response, err := http.ReadResponse(s.r, nil)
		require.NoError(t, err)
		require.False(t, response.Close)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		sid := parseHello(t, string(body)).SID
		c := h.sessionOf(t, sid)
		waits := h.sendRaw(t, "GET /socket.io/?EIO=4&transport=polling&sid="+sid+offer)
		c.waitForPoll(t)
		require.NoError(t, waits.Close())
		require.Error(t, c.ended(t, engineio.TransportError), "an aborted poll must end the session")
	})

	t.Run("UpgradeOnAnotherConnection", func(t *testing.T) {
		p, c := h.poll(t)
		s := h.sendRaw(t, strings.Replace(requestLine, "EIO", "sid="+p.sid+"&EIO",
			1)+handshakeHeaders+"\r\n"+string(masked(ws.NewTextFrame([]byte("2probe")))))
		require.Equal(t, 101, s.status(t))
		require.Equal(t, "3probe", s.text(t))
		s.send(t, "5")
		s.send(t, "4x")
		require.Equal(t, "x", c.text(t))
		require.Equal(t, "websocket", c.Transport())
	})

	t.Run("NoGoroutineWaitsForAHead", func(t *testing.T) {
		if !accept.Available {
			t.Skip("net/http reads the headers")
		}
		const many = 300
		before := runtime.NumGoroutine()
		for range many {
			h.sendRaw(t, requestLine)
		}
		h.connect(t) // it is accepted after them
		require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+many/3 }, 5*time.Second,
			time.Millisecond,
			"connections without a head must not hold goroutines until HeaderTimeout")
	})

	t.Run("ClientsThatDisconnectInTheMiddleOfAHead", func(t *testing.T) {
		for _, head := range []string{"", "G", requestLine, requestLine + handshakeHeaders, "POST / HTTP/1.1\r\n"} {
			require.NoError(t, h.sendRaw(t, head).Close())
		}
		h.connect(t)
	})
}

// upgrade does what a client does in an upgrade.
func (h *testServer) upgrade(t *testing.T, s *socket, c *session) {
	t.Helper()
	s.send(t, "2probe")
	require.Equal(t, "3probe", s.text(t))
	s.send(t, "5")
	s.send(t, "4x")
	require.Equal(t, "x", c.text(t))
	require.Equal(t, "websocket", c.Transport())
	c.Send(text("y"), engineio.SendOptions{})
	require.Equal(t, "4y", s.text(t))
}

func TestServeAdmits(t *testing.T) {
	h := serveByServe(t, engineio.Config{Cookie: &http.Cookie{Name: "node"}, Admit: func(r *http.Request) error {
		if r.Header.Get("X-Banned") != "" || r.RemoteAddr == "" || r.URL.Path != "/socket.io/" {
			return fmt.Errorf("not this one")
		}
		return nil
	}})
	require.Equal(t, 403, h.sendRaw(t, requestLine+handshakeHeaders+"X-Banned: yes\r\n\r\n").status(t))
	s := h.sendRaw(t, requestLine+handshakeHeaders+"\r\n")
	require.Contains(t, readHead(t, s.Conn).Get("Set-Cookie"), "node=")
}

func TestServeEnds(t *testing.T) {
	t.Run("WithPendingHandshakes", func(t *testing.T) {
		h := serveByServe(t, engineio.Config{ShutdownTimeout: patience})
		var pending []*socket
		for _, head := range []string{"", "GET /", requestLine, requestLine + handshakeHeaders, "POST / HTTP/1.1\r\n"} {
			pending = append(pending, h.sendRaw(t, head))
		}
		s, c := h.connect(t) // it is accepted after them
		require.NoError(t, receive(t, async(func() error {
			go s.requireCloseFrame(t, ws.StatusGoingAway)
			ctx, cancel := context.WithTimeout(context.Background(), patience/2)
			defer cancel()
			return h.Shutdown(ctx)
		}), "Shutdown"))
		c.ended(t, engineio.ServerShutdown)
		for _, s := range pending {
			s.requireClosed(t)
		}
		_, err := net.Dial("tcp", h.http.Listener.Addr().String())
		require.Error(t, err, "the listener must be closed")
	})

	t.Run("BeforeItBegins", func(t *testing.T) {
		h := serveByServe(t, engineio.Config{})
		require.NoError(t, h.Close())
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.ErrorIs(t, h.Serve(l), http.ErrServerClosed)
		_, err = l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
	})

	t.Run("WhenItsListenerIsClosed", func(t *testing.T) {
		h := serve(t, engineio.Config{})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		done := async(func() error { return h.Serve(l) })
		require.NoError(t, l.Close())
		require.ErrorIs(t, receive(t, done, "Serve"), net.ErrClosed)
	})

	t.Run("SeveralListenersOfAnyKind", func(t *testing.T) {
		h := serveByServe(t, engineio.Config{})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		done := async(func() error { return h.Serve(struct{ net.Listener }{l}) })
		h.connect(t)
		h.http.Listener = l
		s, c := h.connect(t)
		s.send(t, "4x")
		require.Equal(t, "x", c.text(t))
		require.NoError(t, h.Close())
		require.ErrorIs(t, receive(t, done, "Serve"), http.ErrServerClosed)
	})
}

// A connection is closed if the head of its request does not come in time, however much of it comes.
func TestServeClosesConnectionsWithSlowHeads(t *testing.T) {
	h := serveByServe(t, engineio.Config{HeaderTimeout: time.Second})
	var slow []*socket
	for _, head := range []string{"", requestLine, requestLine + "Host: x\r\n", "POST / HTTP/1.1\r\n"} {
		slow = append(slow, h.sendRaw(t, head))
	}
	for _, s := range slow {
		rest, _ := io.ReadAll(s.r)
		require.NotContains(t, string(rest), "200 OK")
	}
	s, c := h.connect(t)
	s.send(t, "4x")
	require.Equal(t, "x", c.text(t))
}
