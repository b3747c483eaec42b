package engineio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

func TestOrigins(t *testing.T) {
	own := serve(t, engineio.Config{})
	listed := serve(t, engineio.Config{Origins: []string{"https://app.example", "http://Dev.Example:8080/"},
		Credentials: true})
	anyone := serve(t, engineio.Config{Origins: []string{"*"}})
	apps := serve(t, engineio.Config{Origins: []string{"file://", "null", "app://x", "chrome-extension://AbC",
		"capacitor://localhost", "ionic://", "https://app.example",
		"http://[0:0:0:0:0:0:0:1]:03000", "https://[2001:DB8:0::7]:443"}})
	for _, c := range []struct {
		name         string
		h            *testServer
		host, origin string
		allowed      bool
		header       string // Access-Control-Allow-Origin
	}{
		{"None", own, "", "", true, ""},
		{"SameHost", own, "chat.example", "https://chat.example", true, ""},
		{"SameHostAndPort", own, "chat.example:8443", "https://chat.example:8443", true, ""},
		{"DefaultPort", own, "chat.example:443", "https://chat.example", true, ""},
		{"OtherCase", own, "Chat.example", "https://chat.Example", true, ""},
		{"OtherPort", own, "chat.example", "https://chat.example:8443", false, ""},
		{"OtherHost", own, "chat.example", "https://evil.example", false, ""},
		{"HostAsPrefix", own, "chat.example", "https://chat.example.evil.example", false, ""},
		{"HostAsUser", own, "chat.example", "https://chat.example@evil.example", false, ""},
		{"Null", own, "chat.example", "null", false, ""},
		{"Nonsense", own, "chat.example", "://", false, ""},
		{"Listed", listed, "chat.example", "https://app.example", true, "https://app.example"},
		{"ListedWithItsPort", listed, "chat.example", "https://app.example:443", true, "https://app.example:443"},
		{"ListedInOtherCase", listed, "chat.example", "http://dev.example:8080", true, "http://dev.example:8080"},
		{"ListedHostOtherScheme", listed, "chat.example", "http://app.example", false, ""},
		{"SameHostBesidesAList", listed, "chat.example", "https://chat.example", true, ""},
		{"Anyone", anyone, "chat.example", "https://evil.example", true, "*"},
		{"AnyoneNull", anyone, "chat.example", "null", true, "*"},
		{"AddressWrittenOtherwise", apps, "chat.example", "http://[::1]:3000", true, "http://[::1]:3000"},
		{"AddressWithItsPort", apps, "chat.example", "https://[2001:db8::7]", true, "https://[2001:db8::7]"},
		{"OtherPortOfTheAddress", apps, "chat.example", "http://[::1]:3001", false, ""},
		{"SameAddress", own, "[2001:DB8:0::7]:8080", "http://[2001:db8::7]:8080", true, ""},
		{"OtherAddress", own, "[2001:db8::8]", "http://[2001:db8::7]", false, ""},
		{"File", apps, "chat.example", "file://", true, "file://"},
		{"ListedNull", apps, "chat.example", "null", true, "null"},
		{"App", apps, "chat.example", "app://x", true, "app://x"},
		{"OtherApp", apps, "chat.example", "app://y", false, ""},
		{"AppWithAPort", apps, "chat.example", "app://x:80", false, ""},
		{"Extension", apps, "chat.example", "chrome-extension://abc", true, "chrome-extension://abc"},
		{"Capacitor", apps, "chat.example", "capacitor://localhost", true, "capacitor://localhost"},
		{"Ionic", apps, "chat.example", "ionic://", true, "ionic://"},
		{"IonicWithAHost", apps, "chat.example", "ionic://localhost", false, ""},
		{"ListedBesidesApps", apps, "chat.example", "https://app.example", true, "https://app.example"},
		{"FileThatIsNotListed", own, "chat.example", "file://", false, ""},
		{"AppOfTheHostsName", own, "chat.example", "app://chat.example", false, ""},
		{"TwoOrigins", apps, "chat.example", "https://app.example, https://evil.example", false, ""},
		{"TwoOriginsBySpace", apps, "chat.example", "https://app.example https://evil.example", false, ""},
	} {
		headers := []string{}
		if c.origin != "" {
			headers = append(headers, "Origin", c.origin)
		}
		if c.host != "" {
			headers = append(headers, "Host", c.host)
		}
		t.Run("Polling"+c.name, func(t *testing.T) {
			a := c.h.request(t, "GET", "transport=polling", "", headers...)
			require.Equal(t, c.allowed, a.status == 200, "status %d %s", a.status, a.body)
			require.Equal(t, c.header, a.header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, c.h == listed && c.header != "",
				a.header.Get("Access-Control-Allow-Credentials") == "true")
			require.Equal(t, c.origin != "", strings.Contains(a.header.Get("Vary"), "Origin"))
			if !c.allowed {
				require.Equal(t, 403, a.status)
				var said struct {
					Code            int
					Message, Reason string
				}
				require.NoError(t, json.Unmarshal([]byte(a.body), &said), a.body)
				require.Equal(t, 4, said.Code)
				require.Equal(t, "Forbidden", said.Message)
				require.Equal(t, fmt.Sprintf("origin %q is not allowed", c.origin), said.Reason)
			}
		})
		t.Run("WebSocket"+c.name, func(t *testing.T) {
			_, status, body := c.h.tryDial(t, "", headers...)
			if c.allowed {
				require.Equal(t, 101, status, body)
			} else {
				require.Equal(t, 403, status)
			}
		})
		if c.origin == "" {
			continue
		}
		t.Run("Preflight"+c.name, func(t *testing.T) {
			a := c.h.request(t, "OPTIONS", "transport=polling&sid=x", "",
				append(headers, "Access-Control-Request-Method", "POST",
					"Access-Control-Request-Headers", "authorization")...)
			if !c.allowed {
				require.Equal(t, 403, a.status)
				require.Contains(t, a.body, "is not allowed")
				require.Empty(t, a.header.Get("Access-Control-Allow-Methods"))
				return
			}
			require.Equal(t, 204, a.status)
			require.Equal(t, c.header, a.header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, "GET, POST", a.header.Get("Access-Control-Allow-Methods"))
			require.Equal(t, "authorization", a.header.Get("Access-Control-Allow-Headers"))
		})
	}
}

// NewServer says what is wrong with an origin that no browser sends.
func TestInvalidOriginsAreRefused(t *testing.T) {
	for text, why := range map[string]string{
		"example.com": "scheme", "localhost:3000": "scheme", "": "scheme", "https:example.com": "scheme",
		"data:": "scheme", "*.example.com": "scheme",
		"https://": "no host", "http:///": "no host", "https://*.example.com": "wildcards",
		"https://example.com:": "port", "https://example.com:x": "port",
		"https://bücher.example": "xn--", "https://example.com/chat": "path", "https://a@example.com": "user",
		"file:///index.html":   "path",
		"https://example.com?": "query", "https://example.com:65536": "65535", "https://example.com:123456": "65535",
		"https://exa mple.com": "invalid",
		"http://::1":           "brackets", "http://::1:3000": "brackets", "http://[fe80::1%25eth0]": "brackets",
	} {
		_, err := engineio.NewServer(engineio.Config{Origins: []string{text},
			Open: func(*engineio.Conn) engineio.Receiver { return nil }})
		require.ErrorContains(t, err, why, "%q", text)
		require.ErrorContains(t, err, fmt.Sprintf("Origins: %q", text))
	}
}

func TestCookie(t *testing.T) {
	parse := func(t *testing.T, line string) *http.Cookie {
		k, err := http.ParseSetCookie(line)
		require.NoError(t, err)
		k.Raw = ""
		return k
	}
	t.Run("Defaults", func(t *testing.T) {
		h := serve(t, engineio.Config{Cookie: &http.Cookie{}})
		a := h.request(t, "GET", "transport=polling", "")
		sid := parseHello(t, a.body).SID
		require.Equal(t, &http.Cookie{Name: "io", Value: sid, Path: "/", HttpOnly: true,
			SameSite: http.SameSiteLaxMode}, parse(t, a.header.Get("Set-Cookie")))
		p := &pollingClient{testServer: h, sid: sid}
		h.sessionOf(t, sid).Send(text("x"), engineio.SendOptions{})
		require.Empty(t, p.get(t).header.Get("Set-Cookie"), "only the handshake sets the cookie")
	})
	t.Run("OverWebSocket", func(t *testing.T) {
		h := serve(t, engineio.Config{Cookie: &http.Cookie{Name: "node", Value: "ignored", Secure: true,
			SameSite: http.SameSiteNoneMode, MaxAge: 60}})
		nc := h.dialRaw(t)
		_, err := nc.Write([]byte(handshakeRequest))
		require.NoError(t, err)
		a := readHead(t, nc)
		require.Equal(t, &http.Cookie{Name: "node", Value: h.session(t).ID(), Path: "/", Secure: true, HttpOnly: true,
			SameSite: http.SameSiteNoneMode, MaxAge: 60},
			parse(t, a.Get("Set-Cookie")))
	})
}

func TestHandshakeReturnsACopy(t *testing.T) {
	h := serve(t, engineio.Config{})
	_, err := h.try(context.Background(), "GET", h.http.URL+"/socket.io/?EIO=4&transport=polling", nil, "X-Token",
		"mine")
	require.NoError(t, err)
	c := h.session(t)
	c.Handshake().Header.Set("X-Token", "changed")
	require.Equal(t, "mine", c.Handshake().Header.Get("X-Token"))
}
