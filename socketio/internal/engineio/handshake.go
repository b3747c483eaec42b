package engineio

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Handshake is what matters of the request that a session began with.
type Handshake struct {
	Header     http.Header // with the Host
	URL        *url.URL
	RemoteAddr string
	TLS        bool
	Time       time.Time
}

// Handshake returns what matters of the first request. It is kept in a small form and made anew by each call.
func (c *Conn) Handshake() *Handshake {
	lines := strings.Split(c.request, "\n")
	h := &Handshake{Header: make(http.Header, len(lines)-requestHead), RemoteAddr: lines[1], TLS: lines[2] != "", Time: time.Unix(0, c.since)}
	if u, err := url.ParseRequestURI(lines[0]); err == nil {
		h.URL = u
	} else {
		h.URL = new(url.URL) // such as a request for "*"
	}
	for _, line := range lines[requestHead:] {
		key, value, _ := strings.Cut(line, ":")
		h.Header[key] = append(h.Header[key], value)
	}
	return h
}

// Request returns the request that the session began with, as far as it is kept: for who decides about it again.
func (c *Conn) Request(ctx context.Context) *http.Request {
	h := c.Handshake()
	r := &http.Request{Method: http.MethodGet, URL: h.URL, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h.Header,
		Host: h.Header.Get("Host"), RemoteAddr: h.RemoteAddr, RequestURI: h.URL.RequestURI(), Body: http.NoBody}
	delete(r.Header, "Host") // as in net/http's
	if h.TLS {
		r.TLS = new(tls.ConnectionState)
	}
	return r.WithContext(ctx)
}

// Kept returns how many bytes are kept of the request that the session began with.
func (c *Conn) Kept() int { return len(c.request) }

// requestHead is the number of lines before the headers in a packed request.
const requestHead = 3

// pack keeps what Handshake returns: lines, since neither a URL nor a header can hold a line's end.
func pack(r *http.Request) string {
	var b strings.Builder
	b.Grow(requestSize(r))
	b.WriteString(r.URL.RequestURI())
	b.WriteByte('\n')
	b.WriteString(r.RemoteAddr)
	b.WriteByte('\n')
	if r.TLS != nil {
		b.WriteByte('s')
	}
	b.WriteString("\nHost:")
	b.WriteString(r.Host)
	for key, values := range r.Header {
		for _, value := range values {
			b.WriteByte('\n')
			b.WriteString(key)
			b.WriteByte(':')
			b.WriteString(value)
		}
	}
	return b.String()
}

// requestSize is about as many bytes as the request's URL and headers have.
func requestSize(r *http.Request) int {
	n := len(r.RequestURI) + len(r.RemoteAddr) + len(r.Host) + 16
	for key, values := range r.Header {
		for _, value := range values {
			n += len(key) + len(value) + 2
		}
	}
	return n
}

// newID returns a session id that nobody can guess.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hello is the data of an open packet.
type hello struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"` // milliseconds
	PingTimeout  int64    `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

// helloBegin stands before the session's id in an open packet.
const helloBegin = `0{"sid":"`

// helloEnd is what stands behind the session's id in an open packet.
func (s *Server) helloEnd(transport string) string {
	h := hello{Upgrades: []string{}, PingInterval: s.config.PingInterval.Milliseconds(),
		PingTimeout: s.config.PingTimeout.Milliseconds(), MaxPayload: s.config.MaxPayload}
	if transport == polling && s.upgrades() {
		h.Upgrades = append(h.Upgrades, webSocket)
	}
	p, _ := json.Marshal(h) // it has nothing that could not be encoded
	return string(p[len(helloBegin)-1:])
}

// helloFrame is the first packet of a session.
func (s *Server) helloFrame(id, transport string) *Frame {
	end := s.hello
	if transport == polling {
		end = s.pollingHello
	}
	return packetFrame(helloBegin + id + end)
}
