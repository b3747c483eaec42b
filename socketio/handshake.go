package socketio

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/backplane-go/backplane"
)

// Auth returns the auth payload of the client. It is an object, which is empty if the client has sent none. For
// clients of version 2 it is the query of the namespace.
func (s *Socket) Auth() backplane.Value { return s.auth }

// Header returns the headers of the request that opened the connection.
func (s *Socket) Header() http.Header { return s.client.Conn().Handshake().Header }

// Query returns the query parameters of the request that opened the connection. They include those of Engine.IO,
// such as EIO and transport.
func (s *Socket) Query() url.Values {
	if u := s.client.Conn().Handshake().URL; u != nil {
		return u.Query()
	}
	return nil
}

// dateFormat is the format in which JavaScript writes a date.
const dateFormat = "Mon Jan 02 2006 15:04:05 GMT-0700 (MST)"

// Handshake returns the details of the request with which the client connected, in the same form as Socket.IO, on
// all nodes. The names of headers are in lower case. If a header occurs several times, its values are joined by
// commas (cookies by semicolons). If a query parameter occurs several times, its value is a list.
func (s *Socket) Handshake() backplane.Handshake {
	request := s.client.Conn().Handshake()
	issued := time.UnixMilli(s.issued)
	h := backplane.Handshake{
		Headers: make(map[string]any, len(request.Header)),
		Time:    issued.Format(dateFormat),
		Address: request.RemoteAddr,
		XDomain: request.Header.Get("Origin") != "",
		Secure:  request.TLS,
		Issued:  s.issued,
		Query:   make(map[string]any),
	}
	if host, _, err := net.SplitHostPort(request.RemoteAddr); err == nil {
		h.Address = host
	}
	for name, values := range request.Header {
		separator := ", "
		if name == "Cookie" {
			separator = "; "
		}
		h.Headers[strings.ToLower(name)] = strings.Join(values, separator)
	}
	if request.URL != nil {
		h.URL = request.URL.RequestURI()
		for name, values := range request.URL.Query() {
			if len(values) == 1 {
				h.Query[name] = values[0]
			} else {
				h.Query[name] = values
			}
		}
	}
	if err := s.auth.Decode(&h.Auth); err != nil || h.Auth == nil {
		h.Auth = map[string]any{}
	}
	return h
}
