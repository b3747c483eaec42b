package engineio

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzOrigins sends arbitrary origins. Only an origin that equals a listed one, or that of the requested host,
// is allowed.
func FuzzOrigins(f *testing.F) {
	f.Add("https://listed.example", "own.example")
	f.Add("https://LISTED.example:443/", "own.example")
	f.Add("http://own.example", "own.example:80")
	f.Add("http://own.example:8080", "own.example:8080")
	f.Add("https://own.example.evil", "own.example")
	f.Add("https://own.example@evil", "own.example")
	f.Add("https://evil?own.example", "own.example")
	f.Add("null", "null")
	f.Add("://", "")
	f.Add("http://[::1]:80", "[::1]")
	o := newOrigins(&Config{Origins: []string{"https://listed.example"}, Credentials: true})
	f.Fuzz(func(t *testing.T, origin, host string) {
		r := httptest.NewRequest("OPTIONS", "/socket.io/", nil)
		r.Host = host
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		allowed := origin == ""
		if origin != "" {
			scheme, rest, _ := strings.Cut(strings.ToLower(origin), "://")
			rest = strings.TrimSuffix(rest, "/")
			plain := func(host string) string { // without the default port
				switch scheme {
				case "http":
					return strings.TrimSuffix(host, ":80")
				case "https":
					return strings.TrimSuffix(host, ":443")
				}
				return host
			}
			listed := scheme == "https" && plain(rest) == "listed.example"
			allowed = listed || rest != "" && plain(rest) == plain(strings.ToLower(host))
		}
		is := o.allow(w.Header(), r, "") == nil
		require.False(t, is && !allowed, "a page of %q must not be allowed to connect to %q", origin, host)
		if !is {
			require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"),
				"a refused page of %q must not receive a header that allows it to read",
				origin)
			require.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))
		}
		require.Equal(t, is, o.preflight(httptest.NewRecorder(), r, "") == nil)
	})
}

// FuzzHosts requests arbitrary hosts. Only listed hosts are allowed.
func FuzzHosts(f *testing.F) {
	for _, seed := range []string{"example.com", "EXAMPLE.com.:3000", "[::1]:80", "[0::0001]:80",
		"example.com:3000:1", "", ":", "a@example.com", "[", "]:"} {
		f.Add(seed)
	}
	all := newHosts([]string{"example.com", "[::1]:80"})
	f.Fuzz(func(t *testing.T, host string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		name, port := strings.ToLower(host), ""
		if i := strings.LastIndex(name, ":"); i >= 0 && !strings.HasSuffix(name, "]") {
			name, port = name[:i], name[i+1:]
		}
		name = strings.TrimSuffix(name, ".")
		addr, _ := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
		want := name == "example.com" || strings.HasPrefix(name, "[") && addr == netip.IPv6Loopback() && port == "80"
		require.False(t, all.allow(r) && !want, "the host %q must not be allowed", host)
	})
}

// FuzzHandshakes packs arbitrary requests. Unpacking returns the same request.
func FuzzHandshakes(f *testing.F) {
	f.Add("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nCookie: a=b; c=d\r\nA: 1\r\nA: 2\r\n\r\n",
		"192.0.2.1:80")
	f.Add("GET http://y/socket.io/?a=%20b#c HTTP/1.1\r\nHost: x\r\nA: b:c\r\n\r\n", "[::1%eth0]:1")
	f.Add("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "")
	f.Add("GET /%0a%0d HTTP/1.1\r\nHost: x\r\nEmpty:\r\n\r\n", "@")
	f.Fuzz(func(t *testing.T, head, remote string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil || strings.ContainsAny(remote, "\n") || !proper(r) {
			return
		}
		r.RemoteAddr = remote
		c := &Conn{request: pack(r), since: time.Now().UnixNano()}
		h := c.Handshake()
		want := r.Header.Clone()
		want["Host"] = []string{r.Host}
		require.Equal(t, want, h.Header)
		require.Equal(t, remote, h.RemoteAddr)
		again := c.Request(context.Background())
		require.Equal(t, r.Host, again.Host)
		require.Equal(t, r.URL.Query(), again.URL.Query())
		if r.URL.Path != "*" && r.URL.Opaque == "" {
			require.Equal(t, r.URL.Path, again.URL.Path)
		}
	})
}

// proper reports whether net/http lets a request through to a handler.
func proper(r *http.Request) bool {
	for _, values := range r.Header {
		for _, v := range values {
			for i := range len(v) {
				if v[i] < ' ' && v[i] != '\t' || v[i] == 0x7f {
					return false
				}
			}
		}
	}
	return strings.Trim(r.Host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]_") == ""
}
