package engineio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// forwardedClient opens a session with headers, and returns the client's address, host and scheme as the server
// sees them. address is "peer" if it is the address of the test itself.
func forwardedClient(t *testing.T, h *testServer, transport string, lines ...string) (address, host, scheme string) {
	t.Helper()
	head := "GET /socket.io/?EIO=4&transport=" + transport + " HTTP/1.1\r\n"
	if transport == "websocket" {
		head += handshakeHeaders
	} else {
		head += "Host: x\r\n"
	}
	s := h.sendRaw(t, head+strings.Join(append(lines, "", ""), "\r\n"))
	require.Contains(t, []int{101, 200}, s.status(t), "%q", lines)
	k := h.session(t).Handshake()
	address = k.RemoteAddr
	if address == s.LocalAddr().String() {
		address = "peer"
	}
	scheme = "http"
	if k.TLS {
		scheme = "https"
	}
	return address, k.Header.Get("Host"), scheme
}

func TestTrustedProxies(t *testing.T) {
	trusting := serve(t, engineio.Config{TrustedProxies: []string{"127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32",
		"::ffff:192.0.2.1"}})
	for name, c := range map[string]struct {
		lines                 []string
		address, host, scheme string
	}{
		"Nothing": {nil, "peer", "x", "http"},

		"For":               {[]string{"X-Forwarded-For: 203.0.113.7"}, "203.0.113.7:0", "x", "http"},
		"ForWithAPort":      {[]string{"X-Forwarded-For: 203.0.113.7:4711"}, "203.0.113.7:4711", "x", "http"},
		"ForIPv6":           {[]string{"X-Forwarded-For: 2001:db9::7"}, "[2001:db9::7]:0", "x", "http"},
		"ForIPv6InBrackets": {[]string{"X-Forwarded-For: [2001:db9::7]"}, "[2001:db9::7]:0", "x", "http"},
		"ForIPv6WithAPort": {
			[]string{"X-Forwarded-For: [2001:db9::7]:4711"},
			"[2001:db9::7]:4711", "x", "http",
		},
		"ForIPv4InIPv6": {[]string{"X-Forwarded-For: ::ffff:203.0.113.7"}, "203.0.113.7:0", "x", "http"},
		"ForWithAZone":  {[]string{"X-Forwarded-For: fe80::7%eth0"}, "[fe80::7]:0", "x", "http"},
		"LastMemberIsTheProxys": {
			[]string{"X-Forwarded-For: 1.1.1.1, 203.0.113.7"},
			"203.0.113.7:0", "x", "http",
		},
		"OnTwoLines": {
			[]string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 203.0.113.7"},
			"203.0.113.7:0", "x", "http",
		},
		"BehindTwoProxies": {
			[]string{"X-Forwarded-For: 1.1.1.1, 203.0.113.7,10.1.2.3"},
			"203.0.113.7:0", "x", "http",
		},
		"BehindThreeProxies": {
			[]string{"X-Forwarded-For: 1.1.1.1, 203.0.113.7", "x-forwarded-for: ,2001:db8::1, ,192.0.2.1,"},
			"203.0.113.7:0", "x", "http",
		},
		"AProxyIsTheClient": {[]string{"X-Forwarded-For: 10.0.0.1, 10.0.0.2"}, "10.0.0.1:0", "x", "http"},
		"NonsenseBefore":    {[]string{`X-Forwarded-For: ", <>, 203.0.113.7`}, "203.0.113.7:0", "x", "http"},
		"QuoteBefore":       {[]string{`X-Forwarded-For: "1.1.1.1, 203.0.113.7`}, "203.0.113.7:0", "x", "http"},
		"HostInQuotes":      {[]string{`X-Forwarded-Host: "chat.example"`}, "peer", "x", "http"},
		"NonsenseLast":      {[]string{"X-Forwarded-For: 203.0.113.7, nonsense"}, "peer", "x", "http"},
		"NonsenseBehindAProxy": {
			[]string{"X-Forwarded-For: 203.0.113.7, 1.2.3.4:99999, 10.0.0.1"},
			"10.0.0.1:0", "x", "http",
		},
		"Unknown":           {[]string{"X-Forwarded-For: 203.0.113.7, unknown"}, "peer", "x", "http"},
		"EmptyFor":          {[]string{"X-Forwarded-For: "}, "peer", "x", "http"},
		"Host":              {[]string{"X-Forwarded-Host: chat.example:8443"}, "peer", "chat.example:8443", "http"},
		"Proto":             {[]string{"X-Forwarded-Proto: https"}, "peer", "x", "https"},
		"ProtoOfAWebSocket": {[]string{"X-Forwarded-Proto: WSS"}, "peer", "x", "https"},
		"ProtoHTTP":         {[]string{"X-Forwarded-Proto: http"}, "peer", "x", "http"},
		"OtherProto":        {[]string{"X-Forwarded-Proto: gopher"}, "peer", "x", "http"},
		"HostThatIsNone":    {[]string{"X-Forwarded-Host: a/b"}, "peer", "x", "http"},
		"AllThree": {
			[]string{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-Host: chat.example", "X-Forwarded-Proto: https"},
			"203.0.113.7:0", "chat.example", "https",
		},
		"EachProxyAddsToAll": {
			[]string{"X-Forwarded-For: 1.1.1.1, 203.0.113.7, 10.0.0.1",
				"X-Forwarded-Host: evil.example, chat.example, inner", "X-Forwarded-Proto: http, https, http"},
			"203.0.113.7:0", "chat.example", "https",
		},
		"TheOutermostSetsTheOthers": {
			[]string{"X-Forwarded-For: 203.0.113.7, 10.0.0.1", "X-Forwarded-Host: chat.example",
				"X-Forwarded-Proto: https"},
			"203.0.113.7:0", "chat.example", "https",
		},
		"MembersThatTheClientAddedAreIgnored": {
			[]string{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-Host: evil.example, chat.example",
				"X-Forwarded-Proto: https, http"},
			"203.0.113.7:0", "chat.example", "http",
		},

		"Forwarded": {
			[]string{"Forwarded: for=203.0.113.7;host=chat.example;proto=https"},
			"203.0.113.7:0", "chat.example", "https",
		},
		"ForwardedInQuotes": {
			[]string{`Forwarded: FOR="203.0.113.7:4711" ; Host="chat.example:8443" ; Proto="https"; by=_me`},
			"203.0.113.7:4711", "chat.example:8443", "https",
		},
		"ForwardedIPv6": {
			[]string{`Forwarded: for="[2001:db9::7]:4711"`},
			"[2001:db9::7]:4711", "x", "http",
		},
		"ForwardedWithAHiddenPort": {[]string{`Forwarded: for="203.0.113.7:_p"`}, "203.0.113.7:0", "x", "http"},
		"ForwardedByTwo": {
			[]string{`Forwarded: for=1.1.1.1;host=evil.example, ` +
				`for="203.0.113.7";host="chat.example";proto=https,for=10.0.0.1;host=inner;proto=http`},
			"203.0.113.7:0", "chat.example", "https",
		},
		"ForwardedOnTwoLines": {
			[]string{"Forwarded: for=1.1.1.1", "Forwarded: for=203.0.113.7;proto=https"},
			"203.0.113.7:0", "x", "https",
		},
		"ForwardedHidden": {[]string{"Forwarded: for=1.1.1.1, for=_secret;proto=https"}, "peer", "x", "https"},
		"ForwardedUnknown": {
			[]string{`Forwarded: for=1.1.1.1, for="unknown";host=chat.example, for=10.0.0.1`},
			"10.0.0.1:0", "chat.example", "http",
		},
		"ForwardedWithoutFor": {[]string{"Forwarded: for=1.1.1.1, proto=https"}, "peer", "x", "https"},
		"ForwardedNonsenseBefore": {
			[]string{`Forwarded: for="1.1.1.1, for=203.0.113.7;proto=https`},
			"203.0.113.7:0", "x", "https",
		},
		"ForwardedEscapesBefore": {
			[]string{`Forwarded: for="\", for="203.0.113.7";host="a\.example"`},
			"203.0.113.7:0", "a.example", "http",
		},
		"ForwardedSeparatorsInQuotes": {
			[]string{`Forwarded: for=203.0.113.7;ext=",;\"for=1.1.1.1"`},
			"203.0.113.7:0", "x", "http",
		},
		"ForwardedTwiceInAnElement": {[]string{"Forwarded: for=203.0.113.7;for=1.1.1.1"}, "peer", "x", "http"},
		"ForwardedWithoutBracketsOrQuotes": {
			[]string{"Forwarded: for=203.0.113.7:80"},
			"203.0.113.7:80", "x", "http",
		},
		"ForwardedNonsense": {[]string{"Forwarded: 203.0.113.7"}, "peer", "x", "http"},
		"ForwardedBesideTheOthers": {
			[]string{"Forwarded: for=1.1.1.1;host=evil.example;proto=https", "X-Forwarded-For: 203.0.113.7"},
			"203.0.113.7:0", "x", "http",
		},
	} {
		for _, transport := range []string{"polling", "websocket"} {
			t.Run(name+"/"+transport, func(t *testing.T) {
				address, host, scheme := forwardedClient(t, trusting, transport, c.lines...)
				require.Equal(t, c.address, address)
				require.Equal(t, c.host, host)
				require.Equal(t, c.scheme, scheme)
			})
		}
	}

	for name, proxies := range map[string][]string{"NoneIsTrusted": nil,
		"OthersAreTrusted": {"203.0.113.0/24", "unix", "::1"}} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, engineio.Config{TrustedProxies: proxies})
			for _, lines := range [][]string{
				{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-Host: chat.example", "X-Forwarded-Proto: https"},
				{"Forwarded: for=203.0.113.7;host=chat.example;proto=https"},
			} {
				address, host, scheme := forwardedClient(t, h, "polling", lines...)
				require.Equal(t, []string{"peer", "x", "http"}, []string{address, host, scheme})
			}
		})
	}
}

func TestInvalidTrustedProxiesAreRefused(t *testing.T) {
	for _, text := range []string{"", "proxy.example", "10.0.0.0/33", "10.0.0.1:80", "::ffff:0.0.0.0/95", "/8", "*"} {
		_, err := engineio.NewServer(engineio.Config{TrustedProxies: []string{text},
			Open: func(*engineio.Conn) engineio.Receiver { return nil }})
		require.ErrorContains(t, err, fmt.Sprintf("socketio: TrustedProxies: %q is not an address", text))
	}
}

// All checks of a request must use the address, host and scheme that proxies forward.
func TestChecksUseForwardedValues(t *testing.T) {
	request := func(lines ...string) string {
		return "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: inner:3000\r\n" + strings.Join(append(lines,
			"", ""), "\r\n")
	}
	trusted := []string{"127.0.0.1"}

	t.Run("Origins", func(t *testing.T) {
		h := serve(t, engineio.Config{TrustedProxies: trusted})
		const host, secure = "X-Forwarded-Host: chat.example", "X-Forwarded-Proto: https"
		require.Equal(t, 200, h.sendRaw(t, request(host, secure, "Origin: https://chat.example")).status(t))
		require.Equal(t, 200, h.sendRaw(t,
			request("X-Forwarded-Host: chat.example:443", secure, "Origin: https://chat.example")).status(t))
		require.Equal(t, 403, h.sendRaw(t, request(host, secure, "Origin: http://chat.example")).status(t),
			"a page with another scheme must count as another origin")
		require.Equal(t, 200, h.sendRaw(t, request(host, "Origin: https://chat.example")).status(t),
			"a page of either scheme must be allowed if the scheme is not known")
		require.Equal(t, 200, h.sendRaw(t,
			request("Forwarded: host=chat.example;proto=https", "Origin: https://chat.example")).status(t))
		require.Equal(t, 403, h.sendRaw(t, request(host, secure, "Origin: http://inner:3000")).status(t))
		require.Equal(t, 403, serve(t, engineio.Config{}).sendRaw(t,
			request(host, secure, "Origin: https://chat.example")).status(t),
			"headers must be ignored if no proxy is trusted")
	})

	t.Run("Hosts", func(t *testing.T) {
		h := serve(t, engineio.Config{TrustedProxies: trusted, Hosts: []string{"chat.example"}})
		require.Equal(t, 200, h.sendRaw(t, request("X-Forwarded-Host: chat.example")).status(t))
		require.Equal(t, 403, h.sendRaw(t, request("X-Forwarded-Host: rebound.example")).status(t))
		require.Equal(t, 403, h.sendRaw(t, request()).status(t))
	})

	t.Run("Quotas", func(t *testing.T) {
		h := serve(t, engineio.Config{TrustedProxies: trusted, PerAddress: quota.AddressLimits{Sessions: 1}})
		require.Equal(t, 200, h.sendRaw(t, request("X-Forwarded-For: 203.0.113.7")).status(t))
		require.Equal(t, 200, h.sendRaw(t, request("X-Forwarded-For: 203.0.113.8")).status(t))
		require.Equal(t, 429, h.sendRaw(t, request("X-Forwarded-For: 203.0.113.9, 203.0.113.7")).status(t))
		require.Equal(t, 429, h.sendRaw(t, request("Forwarded: for=203.0.113.8")).status(t))
	})

	t.Run("AdmissionAndTheLog", func(t *testing.T) {
		var log logBuffer
		errs := make(chan error, 1)
		h := serve(t, engineio.Config{TrustedProxies: trusted, Journal: log.journal(),
			ErrorHandler: func(err error) { errs <- err },
			Admit: func(r *http.Request) error {
				require.Equal(t, "203.0.113.7:0", r.RemoteAddr)
				require.Equal(t, "chat.example", r.Host)
				require.NotNil(t, r.TLS)
				return errors.New("not this one")
			}})
		require.Equal(t, 403, h.sendRaw(t,
			request("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Host: chat.example",
				"X-Forwarded-Proto: https")).status(t))
		var refused *engineio.RefusedError
		require.ErrorAs(t, receive(t, errs, "the error handler's call"), &refused)
		require.Equal(t, "203.0.113.7:0", refused.RemoteAddr)
		require.Contains(t, log.text(), "remote=203.0.113.7:0")
	})

	t.Run("MalformedHeadersAreLoggedOnce", func(t *testing.T) {
		var log logBuffer
		h := serve(t, engineio.Config{TrustedProxies: trusted, Journal: log.journal()})
		for range 3 {
			require.Equal(t, 200, h.sendRaw(t,
				request("X-Forwarded-For: nonsense", "X-Forwarded-Host: /", "X-Forwarded-Proto: x")).status(t))
		}
		require.Equal(t, 1, strings.Count(log.text(), "malformed header"), log.text())
		require.Contains(t, log.text(), "what=X-Forwarded-For value=nonsense")
	})
}

// The clients of a Unix socket have no address.
func TestProxyOnAUnixSocket(t *testing.T) {
	for _, proxies := range [][]string{nil, {"unix"}} {
		h := serve(t, engineio.Config{TrustedProxies: proxies})
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		require.NoError(t, err)
		done := async(func() error { return h.Serve(l) })
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				return net.Dial("unix", path)
			}}}
		r, err := http.NewRequest("GET", "http://x/socket.io/?EIO=4&transport=polling", nil)
		require.NoError(t, err)
		r.Header.Set("X-Forwarded-For", "203.0.113.7")
		response, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode)
		address := h.session(t).Handshake().RemoteAddr
		if proxies == nil {
			require.NotContains(t, address, "203")
		} else {
			require.Equal(t, "203.0.113.7:0", address)
		}
		require.NoError(t, h.Close())
		require.ErrorIs(t, receive(t, done, "Serve"), http.ErrServerClosed)
	}
}
