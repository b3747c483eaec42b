package engineio

import (
	"net/http"
	"strings"
)

// host is a name and a port; "" is any port.
type host struct{ name, port string }

// hosts are those that a server answers for; nil: any.
type hosts []host

func newHosts(listed []string) hosts {
	var all hosts
	for _, text := range listed {
		h, _ := parseHost(text) // validate has looked at it
		all = append(all, h)
	}
	return all
}

// parseHost takes a Host header apart: a name, or an address, in brackets if it has colons, and perhaps a port.
func parseHost(text string) (h host, ok bool) {
	h.name = text
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		h.name, h.port = text[:i], text[i+1:]
		if h.port == "" || strings.Trim(h.port, "0123456789") != "" {
			return host{}, false
		}
	}
	h.name = strings.TrimSuffix(strings.ToLower(h.name), ".") // a name may end with the root's dot
	bracketed := strings.HasPrefix(h.name, "[") && strings.HasSuffix(h.name, "]")
	if h.name == "" || strings.ContainsAny(h.name, "/@ *") || strings.Contains(h.name, ":") && !bracketed {
		return host{}, false
	}
	return h, true
}

// allow reports whether r is for one of the hosts.
func (all hosts) allow(r *http.Request) bool {
	if all == nil {
		return true
	}
	wanted, ok := parseHost(r.Host)
	if !ok {
		return false
	}
	for _, h := range all {
		if h.name == wanted.name && (h.port == "" || h.port == wanted.port) {
			return true
		}
	}
	return false
}
