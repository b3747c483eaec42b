package engineio

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// maxHeader is the most bytes of a request's URL and headers, as much as Node.js's HTTP server takes. A session keeps
// them.
const maxHeader = 16 << 10

var (
	errMethod     = errors.New("engineio: a method that is not for this")
	errNoUpgrade  = errors.New("engineio: a WebSocket without a WebSocket's handshake")
	errOrigin     = errors.New("engineio: an origin that is not allowed")
	errHost       = errors.New("engineio: a host that is not the server's")
	errBody       = errors.New("engineio: a body where none belongs")
	errHeaderSize = errors.New("engineio: headers of more than 16 KiB")
	errUnknown    = errors.New("engineio: no such session")
	errMismatch   = errors.New("engineio: the session does not use this transport")
	errTaken      = errors.New("engineio: a WebSocket for a session that has one, or is about to")
	errStopping   = errors.New("engineio: the server is shutting down")
	errTooLarge   = errors.New("engineio: more than the most that a client may send at a time")
)

// query is what a request asks for.
type query struct {
	transport string
	upgrade   bool // a WebSocket's handshake
	offer     offer
	conn      *Conn
}

// check decides whether a request is served, in the order in which Node.js's engine.io looks at it. scheme is the one by which the client
// has come, "" if that is not known.
func (s *Server) check(w http.ResponseWriter, r *http.Request, scheme string) (query, *refusal) {
	if requestSize(r) > maxHeader {
		return query{}, &refusal{status: http.StatusRequestHeaderFieldsTooLarge, code: codeRequest, err: errHeaderSize}
	}
	values := r.URL.Query()
	q := query{transport: values.Get("transport"), upgrade: isUpgrade(r)}
	if !slices.Contains(s.config.Transports, q.transport) {
		return q, refuse(codeTransport, fmt.Errorf("engineio: transport %q", excerpt.Of(q.transport)))
	}
	if no := s.origins.allow(w.Header(), r, scheme); no != nil {
		return q, no
	}
	switch {
	case q.upgrade && q.transport != webSocket:
		return q, refuse(codeRequest, errNoUpgrade)
	case r.Method == http.MethodGet && hasBody(r):
		return q, refuse(codeRequest, errBody)
	}
	version := values.Get("EIO")
	if sid := values.Get("sid"); sid != "" {
		return q, s.checkSession(&q, r, sid, version)
	}
	switch {
	case r.Method != http.MethodGet:
		return q, refuse(codeMethod, errMethod)
	case q.transport == webSocket && !q.upgrade:
		return q, refuse(codeRequest, errNoUpgrade)
	}
	if err := s.addresses.CountHandshake(quota.Key(s.config.Address(r))); err != nil {
		return q, tooMany(err)
	}
	if s.config.Admit != nil {
		if err := s.config.Admit(r); err != nil {
			return q, refuse(codeForbidden, err)
		}
	}
	if version != "4" {
		return q, refuse(codeProtocol, fmt.Errorf("engineio: protocol version %q", excerpt.Of(version)))
	}
	return q, nil
}

// checkSession is check for a request of a session.
func (s *Server) checkSession(q *query, r *http.Request, sid, version string) *refusal {
	q.conn = s.session(sid)
	switch {
	case q.conn == nil || q.conn.overdue(s.clock()):
		return refuse(codeSession, errUnknown)
	case version != "4":
		return refuse(codeRequest, fmt.Errorf("engineio: protocol version %q", excerpt.Of(version)))
	case q.upgrade && !s.upgrades():
		return refuse(codeRequest, errMismatch)
	case q.upgrade:
		return nil // whether the session can be upgraded is found out when it is
	case q.transport == webSocket || q.conn.Transport() != polling:
		return refuse(codeRequest, errMismatch)
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return refuse(codeRequest, errMethod)
	}
	return nil
}

// upgrades reports whether sessions may go from polling to WebSocket.
func (s *Server) upgrades() bool {
	return !s.config.NoUpgrades && slices.Contains(s.config.Transports, webSocket) && slices.Contains(s.config.Transports, polling)
}

// isUpgrade reports whether r asks for a WebSocket (RFC 9110, 7.8). Whether it does so by the rules is checkOffer's to say.
func isUpgrade(r *http.Request) bool {
	return r.ProtoMajor == 1 && lists(r.Header["Upgrade"], webSocket) && lists(r.Header["Connection"], "upgrade")
}
