package engineio

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/internal/excerpt"
)

// origins says which pages may talk to the server.
type origins struct {
	listed      []origin
	any, null   bool
	credentials bool
}

// origin is a scheme and a host, with its port unless it is the scheme's own. Origins that are no web page's may have no host, such as
// "file://".
type origin struct{ scheme, host string }

func newOrigins(c *Config) origins {
	o := origins{credentials: c.Credentials, any: slices.Contains(c.Origins, "*"), null: slices.Contains(c.Origins, "null")}
	for _, text := range c.Origins {
		if listed, err := parseOrigin(text); err == nil {
			o.listed = append(o.listed, listed)
		}
	}
	return o
}

// parseOrigin takes an origin apart.
func parseOrigin(text string) (origin, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return origin{}, errors.Unwrap(err) // which does not repeat the text
	case u.Scheme == "" || u.Opaque != "" || !strings.HasPrefix(text[len(u.Scheme):], "://"):
		return origin{}, errors.New("it does not begin with a scheme, such as https://")
	case u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || strings.ContainsAny(text, "?#"):
		return origin{}, errors.New("an origin has no user, path, query or fragment")
	case u.Host == "" && isWeb(u.Scheme):
		return origin{}, errors.New("it has no host")
	case strings.Contains(u.Host, "*"):
		return origin{}, errors.New("a host has no wildcards: list each one")
	case strings.HasSuffix(u.Host, ":"):
		return origin{}, errors.New("it has a colon, but no port")
	case len(u.Port()) > 5 || u.Port() > "65535" && len(u.Port()) == 5:
		return origin{}, errors.New("its port is above 65535")
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > '~' }):
		return origin{}, errors.New("browsers write such a name in its ASCII form, which begins with xn--")
	}
	if name, _, _ := cutPort(u.Host); strings.ContainsAny(name, ":[") {
		if _, ok := literal(name); !ok {
			return origin{}, errors.New("its host is neither a name nor an address; one of IPv6 stands in brackets")
		}
	}
	return origin{scheme: u.Scheme, host: withoutPort(u.Host, u.Scheme)}, nil // url.Parse has lowered the scheme
}

// isWeb reports whether a scheme is one of web pages, which come from a host.
func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }

// withoutPort takes the port of host away where it says nothing new, and writes the rest as browsers do.
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

// allow decides whether the page that sent r may talk to the server, and sets the headers that tell its browser so. A browser asks
// nobody before it opens a WebSocket or sends a simple request, so the server has to look for itself. scheme is the one by which the client has
// come, "" if that is not known.
func (o *origins) allow(header http.Header, r *http.Request, scheme string) *refusal {
	text := strings.Join(r.Header["Origin"], ", ") // more than one is none that is known
	if text == "" {
		return nil // no browser, or a page of the own host
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
	case err == nil && from.of(r.Host, scheme):
	default:
		return refuseFor(errOrigin, "origin", text)
	}
	return nil
}

// of reports whether the page is one of the host that it asks. Without a known scheme either will do: a proxy may have ended TLS.
func (o origin) of(host, scheme string) bool {
	return isWeb(o.scheme) && (scheme == "" || scheme == o.scheme) && o.host == withoutPort(host, o.scheme)
}

// preflight answers a browser's question whether a page may send a request.
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

// refuseFor is the answer to a request that is refused for a value of a header, of which the client is told as much as the log. It is in
// quotes, in which nothing is left that could be taken for something else.
func refuseFor(err error, what, value string) *refusal {
	no := refuse(codeForbidden, fmt.Errorf("%w: %q", err, excerpt.Of(value)))
	no.reason = fmt.Sprintf("%s %q is not allowed", what, excerpt.Of(value))
	return no
}
