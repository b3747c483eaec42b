package engineio

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/socketio/internal/header"
)

// element is what one proxy says about a request that it has received: a member of the header Forwarded (RFC
// 7239, 4).
type element struct{ node, host, proto string }

// parseElement parses an element. It accepts values without quotes that should have them, such as those with a
// colon before a port.
func parseElement(text string) (e element, ok bool) {
	seen := make(map[string]bool, 4)
	for more := true; more; {
		var pair string
		if text, pair, more = header.CutLast(text, ';'); strings.Trim(pair, " \t") == "" {
			continue
		}
		name, value, found := strings.Cut(strings.Trim(pair, " \t"), "=")
		name = strings.ToLower(name)
		value, valid := unquote(value)
		if !found || !header.IsToken(name) || !valid || seen[name] {
			return element{}, false
		}
		seen[name] = true
		switch name {
		case "for":
			e.node = value
		case "host":
			e.host = value
		case "proto":
			e.proto = value
		}
	}
	return e, len(seen) > 0
}

// unquote returns the value of a token or a quoted string. ok is false if text is neither.
func unquote(text string) (value string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		return text, text != "" && !strings.ContainsAny(text, "\" \t\\")
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), i == len(text)-1
		case '\\':
			if i++; i == len(text) {
				return "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", false
}

// parseNode parses a member of X-Forwarded-For, or the value of for in Forwarded: an address and a port, 0 if
// there is none. An IPv6 address with a port is in brackets. hidden says that the proxy does not reveal the
// address (RFC 7239, 6).
func parseNode(text string) (node netip.AddrPort, hidden, ok bool) {
	host, port := text, ""
	if i := strings.LastIndexByte(text, ':'); i > 0 && (text[i-1] == ']' || strings.IndexByte(text, ':') == i) {
		host, port = text[:i], text[i+1:]
		if port == "" {
			return node, false, false
		}
	}
	if strings.EqualFold(host, "unknown") || strings.HasPrefix(host, "_") && header.ConsistsOf(host, "._-") {
		return node, true, true
	}
	number := uint64(0)
	if port != "" && !(strings.HasPrefix(port, "_") && header.ConsistsOf(port, "._-")) {
		var err error
		if number, err = strconv.ParseUint(port, 10, 16); err != nil {
			return node, false, false
		}
	}
	bracketed := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	if bracketed {
		host = host[1 : len(host)-1]
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || bracketed && !addr.Is6() {
		return node, false, false
	}
	return netip.AddrPortFrom(plain(addr), uint16(number)), false, true
}

// plain returns an address without its zone, which is only meaningful on its own machine. It converts an
// IPv4-mapped IPv6 address to IPv4.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
