package engineio_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

func TestRefusals(t *testing.T) {
	errs := make(chan error, 1)
	secret := errors.New("the reason is a secret")
	h := serve(t, engineio.Config{
		ErrorHandler: func(err error) { errs <- err },
		Admit: func(r *http.Request) error {
			if r.Header.Get("X-Banned") != "" {
				return secret
			}
			return nil
		},
	})
	_, c := h.poll(t)
	sid := c.ID()
	const base = "/socket.io/?"
	for _, r := range []struct {
		name, method, url string
		headers           []string
		status, code      int
		message           string
	}{
		{"NoTransport", "GET", base + "EIO=4", nil, 400, 0, "Transport unknown"},
		{"UnknownTransport", "GET", base + "EIO=4&transport=webtransport", nil, 400, 0, "Transport unknown"},
		{"UnknownTransportBeforeAllElse", "POST", base + "transport=x&sid=x",
			[]string{"Origin", "https://evil.example"}, 400, 0, "Transport unknown"},
		{"UnknownSession", "GET", base + "EIO=4&transport=polling&sid=x", nil, 400, 1, "Session ID unknown"},
		{"UnknownSessionOfAPost", "POST", base + "EIO=4&transport=polling&sid=x", nil, 400, 1, "Session ID unknown"},
		{"HandshakeByPost", "POST", base + "EIO=4&transport=polling", nil, 400, 2, "Bad handshake method"},
		{"HandshakeByOptions", "OPTIONS", base + "EIO=4&transport=polling", nil, 400, 2, "Bad handshake method"},
		{"WebSocketWithoutUpgrade", "GET", base + "EIO=4&transport=websocket", nil, 400, 3, "Bad request"},
		{"WebSocketWithoutUpgradeOfASession", "GET", base + "EIO=4&transport=websocket&sid=" + sid, nil, 400, 3,
			"Bad request"},
		{"UpgradeOfPolling", "GET", base + "EIO=4&transport=polling",
			[]string{"Connection", "Upgrade", "Upgrade", "websocket"}, 400, 3, "Bad request"},
		{"OtherVersionForASession", "GET", base + "EIO=3&transport=polling&sid=" + sid, nil, 400, 3, "Bad request"},
		{"OtherMethodForASession", "DELETE", base + "EIO=4&transport=polling&sid=" + sid, nil, 400, 3, "Bad request"},
		{"NotAdmitted", "GET", base + "EIO=4&transport=polling", []string{"X-Banned", "yes"}, 403, 4, "Forbidden"},
		{"NotAdmittedBeforeTheVersion", "GET", base + "EIO=3&transport=polling", []string{"X-Banned", "yes"}, 403, 4,
			"Forbidden"},
		{"OldVersion", "GET", base + "EIO=3&transport=polling", nil, 400, 5, "Unsupported protocol version"},
		{"NoVersion", "GET", base + "transport=polling", nil, 400, 5, "Unsupported protocol version"},
		{"TooMuchHeader", "GET", base + "EIO=4&transport=polling", []string{"X-Large", strings.Repeat("x", 17<<10)},
			431, 3, "Bad request"},
		{"TooLongURL", "GET", base + "EIO=4&transport=polling&x=" + strings.Repeat("x", 17<<10), nil, 431, 3,
			"Bad request"},
	} {
		t.Run(r.name, func(t *testing.T) {
			a, err := h.try(context.Background(), r.method, h.http.URL+r.url, nil, r.headers...)
			require.NoError(t, err)
			require.Equal(t, r.status, a.status, a.body)
			require.Equal(t, "application/json", a.header.Get("Content-Type"))
			require.JSONEq(t, `{"code":`+string(rune('0'+r.code))+`,"message":"`+r.message+`"}`, a.body)
			var refused *engineio.RefusedError
			require.ErrorAs(t, receive(t, errs, "the error handler's call"), &refused)
			require.Equal(t, r.code, refused.Code)
			require.NotEmpty(t, refused.RemoteAddr)
			if strings.HasPrefix(r.name, "NotAdmitted") {
				require.ErrorIs(t, refused, secret)
			}
		})
	}
	require.Equal(t, 1, h.Len(), "number of sessions: refused requests must not open any")

	for name, headers := range map[string][]string{
		"BadKey":     {"Sec-WebSocket-Key", "short", "Sec-WebSocket-Version", "13"},
		"BadVersion": {"Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC==", "Sec-WebSocket-Version", "12"},
	} {
		t.Run("WebSocketHandshake"+name, func(t *testing.T) {
			nc := h.dialRaw(t)
			r := "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " +
				"websocket\r\n"
			for i := 0; i < len(headers); i += 2 {
				r += headers[i] + ": " + headers[i+1] + "\r\n"
			}
			_, err := io.WriteString(nc, r+"\r\n")
			require.NoError(t, err)
			status := readAnswer(nc).status
			require.True(t, status == 400 || status == 426, "status %d", status)
			receive(t, errs, "the error handler's call")
			require.Eventually(t, func() bool { return h.Len() == 1 }, patience, time.Millisecond)
		})
	}

	t.Run("OtherPathsAreNotFound", func(t *testing.T) {
		a, err := h.try(context.Background(), "GET", h.http.URL+"/other/", nil)
		require.NoError(t, err)
		require.Equal(t, 404, a.status)
	})
	t.Run("SlashAtTheEndMayBeMissing", func(t *testing.T) {
		a, err := h.try(context.Background(), "GET", h.http.URL+"/socket.io?EIO=4&transport=polling", nil)
		require.NoError(t, err)
		require.Equal(t, 200, a.status)
	})
}

func TestTransports(t *testing.T) {
	t.Run("PollingOnly", func(t *testing.T) {
		h := serve(t, engineio.Config{Transports: []string{"polling"}})
		_, status, body := h.tryDial(t, "")
		require.Equal(t, 400, status)
		require.JSONEq(t, `{"code":0,"message":"Transport unknown"}`, body)
		require.Empty(t, parseHello(t, h.request(t, "GET", "transport=polling", "").body).Upgrades)
	})
	t.Run("WebSocketOnly", func(t *testing.T) {
		h := serve(t, engineio.Config{Transports: []string{"websocket"}})
		require.Equal(t, 400, h.request(t, "GET", "transport=polling", "").status)
		h.connect(t)
	})
}

func TestMaxConnections(t *testing.T) {
	h := serve(t, engineio.Config{MaxConnections: 2})
	p, c := h.poll(t)
	h.connect(t)
	require.Equal(t, 503, h.request(t, "GET", "transport=polling", "").status)
	_, status, _ := h.tryDial(t, "")
	require.Equal(t, 503, status)
	require.Equal(t, 2, h.Len())
	require.Equal(t, 200, p.post(t, "1").status)
	c.ended(t, engineio.TransportClose)
	h.connect(t)
}

func TestConfig(t *testing.T) {
	open := func(*engineio.Conn) engineio.Receiver { return nil }
	for name, config := range map[string]engineio.Config{
		"NoOpen":               {},
		"UnknownTransport":     {Open: open, Transports: []string{"flashsocket"}},
		"Negative":             {Open: open, MaxPayload: -1},
		"RelativePath":         {Open: open, Path: "socket.io"},
		"BadOrigin":            {Open: open, Origins: []string{"example.com"}},
		"OriginWithAPath":      {Open: open, Origins: []string{"https://example.com/chat"}},
		"CredentialsForAnyone": {Open: open, Origins: []string{"*"}, Credentials: true},
		"BadCookie":            {Open: open, Cookie: &http.Cookie{Name: "a b"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := engineio.NewServer(config)
			require.Error(t, err)
		})
	}
}
