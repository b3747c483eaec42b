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

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// Handshake is the part of its first request that a session keeps.
type Handshake struct {
	Header     http.Header // with the Host
	URL        *url.URL
	RemoteAddr string
	TLS        bool
	Time       time.Time
}

// Handshake returns the part of the first request that the session keeps. The session stores it in a compact
// form, so each call returns a new Handshake.
func (c *Conn) Handshake() *Handshake {
	lines := strings.Split(c.request, "\n")
	h := &Handshake{Header: make(http.Header, len(lines)-packedHead), RemoteAddr: lines[1], TLS: lines[2] != "",
		Time: time.Unix(0, c.since)}
	if u, err := url.ParseRequestURI(lines[0]); err == nil {
		h.URL = u
	} else {
		h.URL = new(url.URL) // as for a request for "*"
	}
	for _, line := range lines[packedHead:] {
		key, value, _ := strings.Cut(line, ":")
		h.Header[key] = append(h.Header[key], value)
	}
	return h
}

// Request returns the session's first request, as far as it is kept, for functions such as Config.Admit that
// decide on a request.
func (c *Conn) Request(ctx context.Context) *http.Request {
	h := c.Handshake()
	r := &http.Request{Method: http.MethodGet, URL: h.URL, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h.Header, Host: h.Header.Get("Host"), RemoteAddr: h.RemoteAddr, RequestURI: h.URL.RequestURI(),
		Body: http.NoBody}
	delete(r.Header, "Host") // net/http does the same
	if h.TLS {
		r.TLS = new(tls.ConnectionState)
	}
	return r.WithContext(ctx)
}

// Kept returns how many bytes the session keeps of its first request.
func (c *Conn) Kept() int { return len(c.request) }

// packedHead is the number of lines before the headers in a packed request.
const packedHead = 3

// pack returns what Handshake needs of a request, as lines. Neither a URL nor a header can contain a line feed.
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

// requestSize returns roughly the size of a request's URL and headers.
func requestSize(r *http.Request) int {
	n := len(r.RequestURI) + len(r.RemoteAddr) + len(r.Host) + 16
	for key, values := range r.Header {
		for _, value := range values {
			n += len(key) + len(value) + 2
		}
	}
	return n
}

// newID returns a session id that cannot be guessed.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// openData is the data of an open packet.
type openData struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"` // milliseconds
	PingTimeout  int64    `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

// openBegin comes before the session's id in an open packet.
const openBegin = `0{"sid":"`

// openEnd returns what follows the session's id in an open packet.
func (s *Server) openEnd(transport string) string {
	d := openData{Upgrades: []string{}, PingInterval: s.config.PingInterval.Milliseconds(),
		PingTimeout: s.config.PingTimeout.Milliseconds(), MaxPayload: s.config.MaxPayload}
	if transport == polling && s.upgrades() {
		d.Upgrades = append(d.Upgrades, webSocket)
	}
	p, _ := json.Marshal(d) // strings and numbers can always be encoded
	return string(p[len(openBegin)-1:])
}

// openFrame returns the open packet of a session.
func (s *Server) openFrame(id, transport string) *wsframe.Frame {
	end := s.open
	if transport == polling {
		end = s.openPolled
	}
	return wsframe.NewPacketFrame(openBegin + id + end)
}
