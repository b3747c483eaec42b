package engineio

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/header"
)

// unixPeers stands for all clients of a Unix socket. They have no address.
const unixPeers = "unix"

// proxies are the trusted peers: the server uses their headers about clients.
type proxies struct {
	ranges  []netip.Prefix
	unix    bool
	journal *journal.Journal
	warned  atomic.Bool // a malformed header has been logged
}

// newProxies returns nil if no proxies are configured. validate has checked the list.
func newProxies(c *Config) *proxies {
	if len(c.TrustedProxies) == 0 {
		return nil
	}
	p := &proxies{journal: c.Journal}
	for _, text := range c.TrustedProxies {
		if text == unixPeers {
			p.unix = true
		} else if r, err := parseRange(text); err == nil {
			p.ranges = append(p.ranges, r)
		}
	}
	return p
}

// parseRange parses an address, or a range of addresses in CIDR notation.
func parseRange(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		return plain(addr).Prefix(plain(addr).BitLen())
	}
	r, err := netip.ParsePrefix(text)
	if err != nil || !r.Addr().Is4In6() {
		return r.Masked(), err
	}
	const mapped = 128 - 32
	if r.Bits() < mapped {
		return netip.Prefix{}, errors.New("the range has more than the IPv4-mapped IPv6 addresses")
	}
	return r.Addr().Unmap().Prefix(r.Bits() - mapped)
}

func (p *proxies) trusts(addr netip.Addr) bool {
	for _, r := range p.ranges {
		if r.Contains(addr) {
			return true
		}
	}
	return false
}

// trustsPeer reports whether r comes from one of the proxies.
func (p *proxies) trustsPeer(r *http.Request) bool {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return p.trusts(plain(peer.Addr()))
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return p.unix && ok && local.Network() == "unix"
}

// origination describes a request as it has reached the outermost proxy. Unknown fields are empty.
type origination struct {
	client       netip.AddrPort
	host, scheme string
}

// unwrap returns r as the client sent it to the outermost proxy, and the scheme of that request, "" if it is
// not known. It returns r itself if r does not come from a trusted proxy.
func (p *proxies) unwrap(r *http.Request) (_ *http.Request, scheme string) {
	if p == nil || !p.trustsPeer(r) {
		return r, ""
	}
	var o origination
	switch h := r.Header; {
	case h["X-Forwarded-For"] != nil || h["X-Forwarded-Host"] != nil || h["X-Forwarded-Proto"] != nil:
		// If one of these is set, Forwarded is ignored, because the proxy may pass on a Forwarded that the
		// client has forged.
		o = p.parseXForwarded(h)
	case h["Forwarded"] != nil:
		o = p.parseForwarded(h)
	default:
		return r, ""
	}
	r = r.WithContext(r.Context()) // a copy, because r must not change
	if o.client.IsValid() {
		r.RemoteAddr = o.client.String()
	}
	if o.host != "" {
		if _, ok := parseHost(o.host); ok {
			r.Host = o.host
		} else {
			p.logMalformed("host", o.host)
		}
	}
	switch strings.ToLower(o.scheme) {
	case "":
		return r, ""
	case "https", "wss":
		if r.TLS == nil {
			r.TLS = new(tls.ConnectionState)
		}
		return r, "https"
	case "http", "ws":
		r.TLS = nil
		return r, "http"
	}
	p.logMalformed("proto", o.scheme)
	return r, ""
}

// parseXForwarded parses X-Forwarded-For, -Host and -Proto. Each proxy has appended the address of its peer, so
// the client is the first address from the end that is not a trusted proxy's.
func (p *proxies) parseXForwarded(h http.Header) (o origination) {
	passed := 0 // trusted proxies
	for member := range header.Members(h["X-Forwarded-For"]) {
		node, hidden, ok := parseNode(member)
		if !ok {
			p.logMalformed("X-Forwarded-For", member)
		}
		if !ok || hidden {
			break // the client is unknown: use the address of the proxy that is nearest to it
		}
		o.client = node
		if !p.trusts(node.Addr()) {
			break
		}
		passed++
	}
	o.host, o.scheme = memberAt(h["X-Forwarded-Host"], passed), memberAt(h["X-Forwarded-Proto"], passed)
	return o
}

// memberAt returns the member of a list that is followed by n others. If the list has fewer members, because
// some proxies append none, it returns the first one.
func memberAt(lines []string, n int) (last string) {
	for last = range header.Members(lines) {
		if n--; n < 0 {
			break
		}
	}
	return last
}

// parseForwarded parses Forwarded. Each proxy has appended an element about the request that it has received.
func (p *proxies) parseForwarded(h http.Header) (o origination) {
	for member := range header.Members(h["Forwarded"]) {
		e, ok := parseElement(member)
		if !ok {
			p.logMalformed("Forwarded", member)
			break
		}
		o.host, o.scheme = e.host, e.proto
		if e.node == "" {
			break
		}
		node, hidden, ok := parseNode(e.node)
		if !ok {
			p.logMalformed("Forwarded", member)
		}
		if !ok || hidden {
			break
		}
		o.client = node
		if !p.trusts(node.Addr()) {
			break
		}
	}
	return o
}

// logMalformed logs the first malformed value. Malformed values are ignored.
func (p *proxies) logMalformed(what, value string) {
	if p.warned.CompareAndSwap(false, true) {
		p.journal.Log(&journal.MalformedHeader, slog.StringValue(what), journal.Text(value))
	}
}
