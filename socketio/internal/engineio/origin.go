package engineio

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// origins says which pages may talk to the server.
type origins struct {
	listed      []string // normalized
	any         bool
	credentials bool
}

func newOrigins(c *Config) origins {
	o := origins{credentials: c.Credentials, any: slices.Contains(c.Origins, "*")}
	for _, text := range c.Origins {
		if u, ok := parseOrigin(text); ok {
			text = u.String()
		}
		o.listed = append(o.listed, text)
	}
	return o
}

// parseOrigin takes an origin apart: a scheme and a host, with its port unless it is the scheme's own.
func parseOrigin(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, false
	}
	return &url.URL{Scheme: u.Scheme, Host: withoutPort(u.Host, u.Scheme)}, true // url.Parse has lowered the scheme
}

// withoutPort takes the port of host away where it says nothing new, and lowers the name.
func withoutPort(host, scheme string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// allow reports whether the page that sent r may talk to the server, and sets the headers that tell its browser so. A
// browser asks nobody before it opens a WebSocket or sends a simple request, so the server has to look for itself.
func (o *origins) allow(header http.Header, r *http.Request) bool {
	text := r.Header.Get("Origin")
	if text == "" {
		return true // no browser, or a page of the own host
	}
	header.Add("Vary", "Origin")
	u, parsed := parseOrigin(text)
	if parsed {
		text = u.String()
	}
	switch {
	case slices.Contains(o.listed, text):
		header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		if o.credentials {
			header.Set("Access-Control-Allow-Credentials", "true")
		}
	case o.any:
		header.Set("Access-Control-Allow-Origin", "*")
	case parsed && u.Host == withoutPort(r.Host, u.Scheme): // a proxy may have ended TLS, so the scheme says nothing
	default:
		return false
	}
	return true
}

// preflight answers a browser's question whether a page may send a request.
func (o *origins) preflight(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	if !o.allow(header, r) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	header.Set("Access-Control-Allow-Methods", "GET, POST")
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		header.Add("Vary", "Access-Control-Request-Headers")
		header.Set("Access-Control-Allow-Headers", wanted)
	}
	header.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}
