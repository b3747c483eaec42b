package engineio

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/backplane-go/backplane/socketio/internal/header"
)

// host is a name and a port. The port "" stands for any port.
type host struct{ name, port string }

// hosts are the hosts that a server responds for. nil stands for any host.
type hosts []host

func newHosts(listed []string) hosts {
	var all hosts
	for _, text := range listed {
		h, _ := parseHost(text) // validate has checked it
		all = append(all, h)
	}
	return all
}

// parseHost parses a Host header: a name or an address, in brackets if it has colons, and an optional port.
func parseHost(text string) (h host, ok bool) {
	name, port, found := cutPort(text)
	if found && (port == "" || strings.Trim(port, "0123456789") != "") {
		return host{}, false
	}
	name = strings.TrimSuffix(name, ".") // a trailing dot, as in "example.com.", stands for the DNS root
	if !strings.HasPrefix(name, "[") {
		return host{name: strings.ToLower(name), port: port}, name != "" && header.ConsistsOf(name, "-_.")
	}
	name, ok = literal(name)
	return host{name: name, port: port}, ok
}

// cutPort cuts a host at the colon before its port.
func cutPort(text string) (name, port string, found bool) {
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		return text[:i], text[i+1:], true
	}
	return text, "", false
}

// literal returns an IPv6 address in brackets as browsers write it. The same address has many forms.
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
