package engineio

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzForwarded puts arbitrary text before the part of the headers that a trusted proxy has appended. The text
// must have no effect.
func FuzzForwarded(f *testing.F) {
	for _, before := range []string{
		"", "for=1.1.1.1", `for="1.1.1.1`, `for="\`, `for="1.1.1.1\"`, `"`, `\`, `""`, `,",`, "for=unknown;" +
			"proto=https", "1.1.1.1, unknown", "[::1]:1", `for="[::1]:_x";by=a;BY=b`,
		"10.0.0.1", "for=10.0.0.1;host=a,for=_hidden",
	} {
		f.Add(before)
	}
	config := Config{TrustedProxies: []string{"10.0.0.0/8", "::1"}}.withDefaults()
	p := newProxies(&config)
	f.Fuzz(func(t *testing.T, before string) {
		if strings.ContainsAny(before, "\r\n\x00") {
			return
		}
		for _, said := range []struct{ name, value string }{
			{"Forwarded", `for="203.0.113.7:4711";host="chat.example";proto=https`},
			{"X-Forwarded-For", "203.0.113.7:4711"},
		} {
			for _, lines := range [][]string{{before, said.value}, {before + ", " + said.value},
				{before + "," + said.value + ", ,"}} {
				r := httptest.NewRequest("GET", "/", nil)
				r.RemoteAddr = "10.1.2.3:80"
				r.Header[said.name] = lines
				r, scheme := p.unwrap(r)
				require.Equal(t, "203.0.113.7:4711", r.RemoteAddr, "%q", lines)
				if said.name == "Forwarded" {
					require.Equal(t, "chat.example", r.Host, "%q", lines)
					require.Equal(t, "https", scheme, "%q", lines)
				}
			}
			// After a malformed header of the proxy itself, the request still has an address that can be
			// counted.
			for _, header := range []http.Header{{said.name: {before}},
				{"X-Forwarded-Host": {before}, "X-Forwarded-Proto": {before}}} {
				r := httptest.NewRequest("GET", "/", nil)
				r.RemoteAddr, r.Header = "10.1.2.3:80", header
				r, scheme := p.unwrap(r)
				_, err := netip.ParseAddrPort(r.RemoteAddr)
				require.NoError(t, err, "%q", before)
				_, ok := parseHost(r.Host)
				require.True(t, ok, "%q", before)
				require.Contains(t, []string{"", "http", "https"}, scheme)
			}
		}
	})
}
