package engineio

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// origins decides which pages may connect.
type origins struct {
	listed      []origin
	any, null   bool
	credentials bool
}

// origin is a scheme and a host, with the port unless it is the scheme's default. Origins that do not belong to
// web pages, such as "file://", may have no host.
type origin struct{ scheme, host string }

func newOrigins(c *Config) origins {
	o := origins{credentials: c.Credentials, any: slices.Contains(c.Origins, "*"),
		null: slices.Contains(c.Origins, "null")}
	for _, text := range c.Origins {
		if listed, err := parseOrigin(text); err == nil {
			o.listed = append(o.listed, listed)
		}
	}
	return o
}

// parseOrigin parses an origin.
func parseOrigin(text string) (origin, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return origin{}, errors.Unwrap(err) // without the text, which the caller adds
	case u.Scheme == "" || u.Opaque != "" || !strings.HasPrefix(text[len(u.Scheme):], "://"):
		return origin{}, errors.New("an origin begins with a scheme, such as https://")
	case u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || strings.ContainsAny(text, "?#"):
		return origin{}, errors.New("an origin has no user, path, query or fragment")
	case u.Host == "" && isWeb(u.Scheme):
		return origin{}, errors.New("the origin has no host")
	case strings.Contains(u.Host, "*"):
		return origin{}, errors.New("a host must not have wildcards: list each host")
	case strings.HasSuffix(u.Host, ":"):
		return origin{}, errors.New("the origin has a colon but no port")
	case len(u.Port()) > 5 || u.Port() > "65535" && len(u.Port()) == 5:
		return origin{}, errors.New("the port is above 65535")
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > '~' }):
		return origin{}, errors.New("use the ASCII form of the name, which begins with xn--, as browsers do")
	}
	if name, _, _ := cutPort(u.Host); strings.ContainsAny(name, ":[") {
		if _, ok := literal(name); !ok {
			return origin{}, errors.New("the host is neither a name nor an address; IPv6 addresses need brackets")
		}
	}
	return origin{scheme: u.Scheme, host: withoutPort(u.Host, u.Scheme)}, nil // the scheme is in lower case
}

// isWeb reports whether a scheme is one of web pages, whose origins have a host.
func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }

// withoutPort returns host as browsers write it, without the scheme's default port.
func withoutPort(host, scheme string) string {
	name, port, found := cutPort(strings.ToLower(host))
	if address, ok := literal(name); ok {
		name = address
	}
	port = strings.TrimLeft(port, "0")
	if !found || scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return name
	}
	return name + ":" + port
}

// allow decides whether the page that sent r may connect, and sets the CORS headers for its browser. The server
// has to check the origin itself, because browsers send no preflight request before they open a WebSocket or
// send a simple request. scheme is the scheme of the client's request, "" if it is not known.
func (o *origins) allow(header http.Header, r *http.Request, scheme string) *refusal {
	text := strings.Join(r.Header["Origin"], ", ") // several origins never match a listed one
	if text == "" {
		return nil // not a browser, or a page of the same host
	}
	header.Add("Vary", "Origin")
	from, err := parseOrigin(text)
	switch {
	case o.null && text == "null", err == nil && slices.Contains(o.listed, from):
		header.Set("Access-Control-Allow-Origin", text)
		if o.credentials {
			header.Set("Access-Control-Allow-Credentials", "true")
		}
	case o.any:
		header.Set("Access-Control-Allow-Origin", "*")
	case err == nil && from.isHost(r.Host, scheme):
	default:
		return refuseValue(errOrigin, "origin", text)
	}
	return nil
}

// isHost reports whether the page belongs to the host of the request. If the scheme is not known, http and https
// both count: a proxy may have ended TLS.
func (o origin) isHost(host, scheme string) bool {
	return isWeb(o.scheme) && (scheme == "" || scheme == o.scheme) && o.host == withoutPort(host, o.scheme)
}

// preflight answers a CORS preflight request, with which a browser asks whether a page may send a request.
func (o *origins) preflight(w http.ResponseWriter, r *http.Request, scheme string) *refusal {
	header := w.Header()
	if no := o.allow(header, r, scheme); no != nil {
		return no
	}
	header.Set("Access-Control-Allow-Methods", "GET, POST")
	if wanted := strings.Join(r.Header["Access-Control-Request-Headers"], ", "); wanted != "" {
		header.Add("Vary", "Access-Control-Request-Headers")
		header.Set("Access-Control-Allow-Headers", wanted)
	}
	header.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
