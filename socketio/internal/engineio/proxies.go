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

	"github.com/backplane-go/backplane/internal/excerpt"
)

// unixPeers stands for the clients of a Unix socket, which have no address.
const unixPeers = "unix"

// proxies are the peers whose headers about their clients are used.
type proxies struct {
	ranges []netip.Prefix
	unix   bool
	logger *slog.Logger
	warned atomic.Bool // that one of them has sent a header that cannot be read
}

// newProxies returns nil if there are none. validate has looked at the list.
func newProxies(c *Config) *proxies {
	if len(c.TrustedProxies) == 0 {
		return nil
	}
	p := &proxies{logger: c.Logger}
	for _, text := range c.TrustedProxies {
		if text == unixPeers {
			p.unix = true
		} else if r, err := parseRange(text); err == nil {
			p.ranges = append(p.ranges, r)
		}
	}
	return p
}

// parseRange takes an address, or a range of addresses in CIDR's form.
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
		return netip.Prefix{}, errors.New("it is more than the IPv4 addresses within IPv6")
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

// trustsPeer reports whether the peer that r comes from is one of the proxies.
func (p *proxies) trustsPeer(r *http.Request) bool {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return p.trusts(plain(peer.Addr()))
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return p.unix && ok && local.Network() == "unix"
}

// origination is how a request has reached the outermost proxy. What is not known is empty.
type origination struct {
	client       netip.AddrPort
	host, scheme string
}

// unwrap returns r as its client has sent it to the outermost proxy, and the scheme of that request, "" if it is not known. It returns r
// itself if its peer is not trusted.
func (p *proxies) unwrap(r *http.Request) (_ *http.Request, scheme string) {
	if p == nil || !p.trustsPeer(r) {
		return r, ""
	}
	var o origination
	switch h := r.Header; {
	case h["X-Forwarded-For"] != nil || h["X-Forwarded-Host"] != nil || h["X-Forwarded-Proto"] != nil:
		// Forwarded is ignored beside these: a proxy that sets them may pass on one that the client has forged.
		o = p.customary(h)
	case h["Forwarded"] != nil:
		o = p.standard(h)
	default:
		return r, ""
	}
	r = r.WithContext(r.Context()) // a copy: r is not ours to change
	if o.client.IsValid() {
		r.RemoteAddr = o.client.String()
	}
	if o.host != "" {
		if _, ok := parseHost(o.host); ok {
			r.Host = o.host
		} else {
			p.nonsense("host", o.host)
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
	p.nonsense("proto", o.scheme)
	return r, ""
}

// customary reads X-Forwarded-For, -Host and -Proto. Each proxy has appended the address of its peer, so the client is the first address
// from the end that is not a trusted proxy's.
func (p *proxies) customary(h http.Header) (o origination) {
	passed := 0 // proxies
	for member := range members(h["X-Forwarded-For"]) {
		node, hidden, ok := parseNode(member)
		if !ok {
			p.nonsense("X-Forwarded-For", member)
		}
		if !ok || hidden {
			break // the client is not known: what is left is the proxy that is nearest to it
		}
		o.client = node
		if !p.trusts(node.Addr()) {
			break
		}
		passed++
	}
	o.host, o.scheme = at(h["X-Forwarded-Host"], passed), at(h["X-Forwarded-Proto"], passed)
	return o
}

// at returns the member of a list behind which there are n others, or the first one if there are fewer because some proxies append none.
func at(lines []string, n int) (last string) {
	for last = range members(lines) {
		if n--; n < 0 {
			break
		}
	}
	return last
}

// standard reads Forwarded. Each proxy has appended an element about the request that it has received.
func (p *proxies) standard(h http.Header) (o origination) {
	for member := range members(h["Forwarded"]) {
		e, ok := parseElement(member)
		if !ok {
			p.nonsense("Forwarded", member)
			break
		}
		o.host, o.scheme = e.host, e.proto
		if e.node == "" {
			break
		}
		node, hidden, ok := parseNode(e.node)
		if !ok {
			p.nonsense("Forwarded", member)
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

// nonsense logs a value that cannot be read and is ignored, once.
func (p *proxies) nonsense(what, value string) {
	if p.warned.CompareAndSwap(false, true) {
		p.logger.Warn("engineio: a trusted proxy has sent a header that cannot be read; it is ignored, and further ones are not logged",
			"what", what, "value", excerpt.Of(value))
	}
}
