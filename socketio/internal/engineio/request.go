package engineio

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/socketio/internal/header"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// maxHeader is the maximum size in bytes of a request's URL and headers, as in Node.js's HTTP server. A session
// keeps the URL and headers of its first request.
const maxHeader = 16 << 10

var (
	errMethod     = errors.New("engineio: method is not allowed here")
	errNoUpgrade  = errors.New("engineio: transport websocket without the handshake of a WebSocket")
	errUpgrade    = errors.New("engineio: handshake of a WebSocket for another transport")
	errOrigin     = errors.New("engineio: origin is not allowed")
	errHost       = errors.New("engineio: host is not allowed")
	errBody       = errors.New("engineio: GET request with a body")
	errHeaderSize = errors.New("engineio: URL and headers are larger than 16 KiB")
	errUnknown    = errors.New("engineio: no such session")
	errTransport  = errors.New("engineio: the session does not use this transport")
	errTaken      = errors.New("engineio: the session has a WebSocket, or is being upgraded to one")
	// A page on any site can use JSONP, so the server cannot decide by origin which pages may connect.
	errJSONP    = errors.New("engineio: JSONP is not supported")
	errStopping = errors.New("engineio: the server is shutting down")
)

// query holds the parameters of a request.
type query struct {
	transport string
	protocol  *protocol
	upgrade   bool // the request is the handshake of a WebSocket
	offer     offer
	conn      *Conn
}

// check decides whether a request is served. The checks are in the order of Node.js's engine.io. scheme is the
// scheme of the client's request, "" if it is not known.
func (s *Server) check(w http.ResponseWriter, r *http.Request, scheme string) (query, *refusal) {
	if requestSize(r) > maxHeader {
		return query{}, &refusal{status: http.StatusRequestHeaderFieldsTooLarge, code: codeRequest, err: errHeaderSize}
	}
	values := r.URL.Query()
	q := query{transport: values.Get("transport"), protocol: protocolOf(values), upgrade: header.IsWebSocket(r)}
	if !slices.Contains(s.config.Transports, q.transport) {
		return q, refuse(codeTransport, fmt.Errorf("engineio: transport %q", excerpt.Of(q.transport)))
	}
	if no := s.origins.allow(w.Header(), r, scheme); no != nil {
		return q, no
	}
	switch {
	case q.upgrade && q.transport != webSocket:
		return q, refuse(codeRequest, errUpgrade)
	case r.Method == http.MethodGet && hasBody(r):
		return q, refuse(codeRequest, errBody)
	}
	if sid := values.Get("sid"); sid != "" {
		return q, s.checkSession(&q, r, sid)
	}
	switch {
	case r.Method != http.MethodGet:
		return q, refuse(codeMethod, errMethod)
	case q.transport == webSocket && !q.upgrade:
		return q, refuse(codeRequest, errNoUpgrade)
	}
	if err := s.addresses.CountHandshake(quota.Key(s.config.Address(r))); err != nil {
		return q, refuseAddress(err)
	}
	if s.config.Admit != nil {
		if err := s.config.Admit(r); err != nil {
			return q, refuse(codeForbidden, err)
		}
	}
	switch {
	case q.protocol != protocol4 && !s.config.AllowEIO3:
		return q, refuse(codeProtocol, versionError(values))
	case q.protocol != protocol4 && values.Has("j"):
		no := refuse(codeRequest, errJSONP)
		no.reason = "JSONP is not supported"
		return q, no
	}
	return q, nil
}

func versionError(values url.Values) error {
	return fmt.Errorf("engineio: protocol version %q", excerpt.Of(values.Get("EIO")))
}

// checkSession is check for a request of a session.
func (s *Server) checkSession(q *query, r *http.Request, sid string) *refusal {
	q.conn = s.session(sid)
	switch {
	case q.conn == nil || q.conn.endOverdue(s.clock()):
		return refuse(codeSession, errUnknown)
	case q.conn.protocol.version != q.protocol.version:
		return refuse(codeRequest, versionError(r.URL.Query()))
	case q.upgrade && !s.upgrades():
		return refuse(codeRequest, errTransport)
	case q.upgrade:
		return nil // probeWebSocket checks whether the session can be upgraded
	case q.transport == webSocket || q.conn.Transport() != polling:
		return refuse(codeRequest, errTransport)
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return refuse(codeRequest, errMethod)
	}
	return nil
}

// upgrades reports whether sessions may be upgraded from polling to WebSocket.
func (s *Server) upgrades() bool {
	transports := s.config.Transports
	return !s.config.NoUpgrades && slices.Contains(transports, webSocket) && slices.Contains(transports, polling)
}
