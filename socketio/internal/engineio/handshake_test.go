package engineio_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// handshakeWith sends the handshake of a WebSocket with the headers Host and lines, and returns the response.
func (h *testServer) handshakeWith(t *testing.T, lines ...string) (*socket, *http.Response) {
	t.Helper()
	s := h.sendRaw(t, requestLine+"Host: x\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n")
	response, err := http.ReadResponse(s.r, nil)
	require.NoError(t, err)
	return s, response
}

// List-based headers may span several lines and have empty members, white space and any case (RFC 9110, 5.3,
// 5.6.1, 7.6.1 and 7.8).
func TestHandshakeHeadersAreParsedAsLists(t *testing.T) {
	h := serve(t, engineio.Config{})
	const (
		version = "Sec-WebSocket-Version: 13"
		key     = "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=="
	)
	for name, c := range map[string]struct {
		status int
		lines  []string
	}{
		"Plain": {101, []string{"Connection: Upgrade", "Upgrade: websocket", version, key}},
		"ConnectionOnTwoLines": {101,
			[]string{"Connection: keep-alive", "Connection: Upgrade", "Upgrade: websocket", version, key}},
		"ConnectionWithOthers": {101,
			[]string{"Connection: keep-alive ,\tUPGRADE", "Upgrade: websocket", version, key}},
		"ConnectionWithEmptyMembers": {101,
			[]string{"Connection: , ,upgrade,", "Connection:", "Upgrade: websocket", version, key}},
		"UpgradeToOneOfTwo":  {101, []string{"Connection: Upgrade", "Upgrade: websocket, h2c", version, key}},
		"UpgradeToTheSecond": {101, []string{"Connection: Upgrade", "Upgrade: h2c,WebSocket", version, key}},
		"UpgradeOnTwoLines": {101,
			[]string{"Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket", version, key}},
		"UpgradeWithEmptyMembers": {101, []string{"Connection: Upgrade", "Upgrade: ,websocket ,", version, key}},
		"NamesInOtherCase": {101,
			[]string{"CONNECTION: upgrade", "upgrade: WEBSOCKET", "sec-websocket-version: 13",
				"SEC-WEBSOCKET-KEY: AQIDBAUGBwgJCgsMDQ4PEC=="}},
		"ConnectionClose": {101,
			[]string{"Connection: close, upgrade", "Upgrade: websocket", version, key}},
		"NoConnection":    {400, []string{"Upgrade: websocket", version, key}},
		"OtherConnection": {400, []string{"Connection: keep-alive", "Upgrade: websocket", version, key}},
		"PartOfAMember":   {400, []string{"Connection: no-upgrade", "Upgrade: websocket", version, key}},
		"TwoWordsInAMember": {400,
			[]string{"Connection: keep-alive Upgrade", "Upgrade: websocket", version, key}},
		"MemberInQuotes": {400, []string{`Connection: "x, upgrade"`, "Upgrade: websocket", version, key}},
		"NoUpgrade":      {400, []string{"Connection: Upgrade", version, key}},
		"OtherUpgrade":   {400, []string{"Connection: Upgrade", "Upgrade: h2c", version, key}},
		"LongerUpgrade":  {400, []string{"Connection: Upgrade", "Upgrade: websockets", version, key}},
		"NoKey":          {400, []string{"Connection: Upgrade", "Upgrade: websocket", version}},
		"TwoKeys":        {400, []string{"Connection: Upgrade", "Upgrade: websocket", version, key, key}},
		"EmptyKey": {400,
			[]string{"Connection: Upgrade", "Upgrade: websocket", version, "Sec-WebSocket-Key:"}},
		"KeyOf24CharactersNotBase64": {400,
			[]string{"Connection: Upgrade", "Upgrade: websocket", version,
				"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4P!C=="}},
		"KeyOfBase64URL": {400,
			[]string{"Connection: Upgrade", "Upgrade: websocket", version,
				"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4P-C=="}},
		"KeyOf24CharactersWithoutPad": {400,
			[]string{"Connection: Upgrade", "Upgrade: websocket", version,
				"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PECAA"}},
		"KeyOf17Bytes": {400,
			[]string{"Connection: Upgrade", "Upgrade: websocket", version,
				"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PECA="}},
		"KeyOf15Bytes": {400,
			[]string{"Connection: Upgrade", "Upgrade: websocket", version, "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4P"}},
		"NoVersion": {400, []string{"Connection: Upgrade", "Upgrade: websocket", key}},
		"Version8": {426,
			[]string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8", key}},
		"Version14": {426,
			[]string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 14", key}},
		"VersionTwice": {426,
			[]string{"Connection: Upgrade", "Upgrade: websocket", version, version, key}},
		"VersionsInAList": {426,
			[]string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13, 8", key}},
		"NoVersionButSpace": {426,
			[]string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: ", key}},
		"ProtocolThatIsNoToken": {400,
			[]string{"Connection: Upgrade", "Upgrade: websocket", version, key, "Sec-WebSocket-Protocol: a b"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, response := h.handshakeWith(t, c.lines...)
			require.Equal(t, c.status, response.StatusCode)
			if c.status == 101 {
				require.Equal(t, "websocket", response.Header.Get("Upgrade"))
				require.Equal(t, "Upgrade", response.Header.Get("Connection"))
				require.Equal(t, "OfS0wDaT5NoxF2gqm7Zj2YtetzM=", response.Header.Get("Sec-WebSocket-Accept"))
				parseHello(t, s.text(t))
				return
			}
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.JSONEq(t, `{"code":3,"message":"Bad request"}`, string(body))
			if strings.Contains(name, "Version") {
				require.Equal(t, "13", response.Header.Get("Sec-WebSocket-Version"))
			}
			if c.status == 426 {
				require.Equal(t, "websocket", response.Header.Get("Upgrade"), "RFC 9110, 15.5.22")
			}
			s.requireClosed(t)
		})
	}

	t.Run("ResponseToAnotherVersionNamesTheUpgrade", func(t *testing.T) {
		head, err := io.ReadAll(h.sendRaw(t, strings.ReplaceAll(requestLine+handshakeHeaders, "13", "12")+"\r\n").r)
		require.NoError(t, err)
		want := `(?s)^HTTP/1\.1 426 .*\r\nConnection: close\r\nConnection: Upgrade\r\n.*\r\nUpgrade: websocket\r\n`
		require.Regexp(t, want, string(head))
	})

	t.Run("PollMayOfferAnotherProtocol", func(t *testing.T) { // as Java's client does for HTTP/2
		s := h.sendRaw(t, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, "+
			"HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
		require.Equal(t, 200, s.status(t))
	})
}

// Browsers close a WebSocket if they have named subprotocols and the server chooses none.
func TestFirstSubprotocolIsChosen(t *testing.T) {
	h := serve(t, engineio.Config{})
	for lines, want := range map[string]string{
		"":                               "",
		"Sec-WebSocket-Protocol: a":      "a",
		"Sec-WebSocket-Protocol: ,b , a": "b",
		"Sec-WebSocket-Protocol: c.d\r\nSec-WebSocket-Protocol: a, b": "c.d",
		"Sec-WebSocket-Protocol: ,":                                   "",
	} {
		if lines != "" {
			lines += "\r\n"
		}
		s := h.sendRaw(t, requestLine+handshakeHeaders+lines+"\r\n")
		response, err := http.ReadResponse(s.r, nil)
		require.NoError(t, err)
		require.Equal(t, 101, response.StatusCode)
		require.Equal(t, want, response.Header.Get("Sec-WebSocket-Protocol"), "%q", lines)
	}
}

// The offers of extensions are a list too.
func TestExtensionOffersAreParsedAsAList(t *testing.T) {
	h := serve(t, engineio.Config{Compress: true})
	const header = "Sec-WebSocket-Extensions: "
	for offers, want := range map[string]string{
		"permessage-deflate": "permessage-deflate",
		", x-other; a=1,,permessage-deflate; client_max_window_bits,":      "permessage-deflate",
		"x-other; a=\"1,2\"\r\n" + header + "permessage-deflate":           "permessage-deflate",
		"permessage-deflate; server_max_window_bits=9, permessage-deflate": "permessage-deflate",
		"x-other": "",
		",":       "",
	} {
		s := h.sendRaw(t, requestLine+handshakeHeaders+header+offers+"\r\n\r\n")
		response, err := http.ReadResponse(s.r, nil)
		require.NoError(t, err)
		require.Equal(t, 101, response.StatusCode, "%q", offers)
		got, _, _ := strings.Cut(response.Header.Get("Sec-WebSocket-Extensions"), ";")
		require.Equal(t, want, got, "%q", offers)
	}
	require.Equal(t, 400, h.sendRaw(t, requestLine+handshakeHeaders+header+";;\r\n\r\n").status(t))
}

// Clients know the intervals and rely on the time at which a session ends: a later request must be refused.
func TestSessionsEndOnTime(t *testing.T) {
	const interval, timeout = 300 * time.Millisecond, 200 * time.Millisecond
	h := serve(t, engineio.Config{PingInterval: interval, PingTimeout: timeout})
	h.request(t, "GET", "transport=polling", "") // this starts the timers
	h.session(t)
	t.Run("RequestAtTheEndIsRefused", func(t *testing.T) {
		require.Eventually(t, func() bool { // a busy machine may send a ping so late that the client gets more time
			p, c := h.poll(t)
			time.Sleep(interval + timeout) // the test is about this time
			refused := p.get(t).status == 400
			c.ended(t, engineio.PingTimeout)
			return refused
		}, 3*patience, time.Millisecond)
	})
	t.Run("SessionDoesNotEndEarlier", func(t *testing.T) {
		for range 3 {
			began := time.Now()
			_, c := h.poll(t)
			c.ended(t, engineio.PingTimeout)
			require.GreaterOrEqual(t, time.Since(began), interval+timeout)
		}
	})
}

// logBuffer keeps a log.
type logBuffer struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines.Write(p)
}

func (b *logBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines.String()
}

func (b *logBuffer) journal() *journal.Journal {
	return journal.New(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// The log says which origin, or which host, was refused, because that may be a mistake in the configuration.
func TestRefusalNamesTheOriginOrHost(t *testing.T) {
	var log logBuffer
	errs := make(chan error, 10)
	h := serve(t, engineio.Config{Journal: log.journal(), Hosts: []string{"x"},
		ErrorHandler: func(err error) { errs <- err }})
	for _, c := range []struct{ head, told, body string }{
		{"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example",
			`origin is not allowed: "http://evil.example"`, `"reason":"origin \"http://evil.example\" is not allowed"`},
		{requestLine + "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: file://", `"file://"`,
			`"reason":"origin \"file://\" is not allowed"`},
		{"OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: http://<b>.example",
			`"http://<b>.example"`, `\u003cb\u003e`},
		{"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: rebound.example",
			`host is not allowed: "rebound.example"`, `"reason":"host \"rebound.example\" is not allowed"`},
		{"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: http://" + strings.Repeat("y",
			10_000), "yyy… (10007 bytes)", "yyy… (10007 bytes)"},
	} {
		s := h.sendRaw(t, c.head+"\r\n\r\n")
		response, err := http.ReadResponse(s.r, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, 403, response.StatusCode)
		require.Contains(t, string(body), c.body)
		require.Less(t, len(body), 1000)
		require.ErrorContains(t, receive(t, errs, "the error handler's call"), c.told)
		require.Contains(t, log.text(), strings.ReplaceAll(c.told, `"`, `\"`))
	}
}

func TestOpenedIsCalledWhenTheTransportIsThere(t *testing.T) {
	opened := make(chan string, 1)
	h := serve(t, engineio.Config{Opened: func(r engineio.Receiver) { opened <- r.(*session).Transport() }})
	h.poll(t)
	require.Equal(t, "polling", receive(t, opened, "Opened"))
	h.connect(t)
	require.Equal(t, "websocket", receive(t, opened, "Opened"))
}
