package engineio

import (
	"net/http"
	"net/netip"
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
	name, port, found := cutPort(text)
	if found && (port == "" || strings.Trim(port, "0123456789") != "") {
		return host{}, false
	}
	name = strings.TrimSuffix(name, ".") // a name may end with the root's dot
	if !strings.HasPrefix(name, "[") {
		return host{name: strings.ToLower(name), port: port}, name != "" && made(name, "-_.")
	}
	name, ok = literal(name)
	return host{name: name, port: port}, ok
}

// cutPort cuts text, a host, at the colon before its port.
func cutPort(text string) (name, port string, found bool) {
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		return text[:i], text[i+1:], true
	}
	return text, "", false
}

// literal returns an IPv6 address in brackets in the form in which browsers write it: the same address has many.
func literal(text string) (string, bool) {
	inner, opened := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	addr, err := netip.ParseAddr(inner)
	if !opened || !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", false
	}
	return "[" + addr.String() + "]", true
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
