package engineio

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/backplane-go/backplane/internal/excerpt"
)

// RefusedError says why a request was refused.
type RefusedError struct {
	// Code is what the client was told, as in Node.js's engine.io: 0 unknown transport, 1 unknown session, 2 bad
	// handshake method, 3 bad request, 4 forbidden, 5 unsupported protocol version.
	Code int
	// RemoteAddr is the client's.
	RemoteAddr string
	// Address is what the request counts for, as Config.Address says.
	Address string
	// Err is more than the client was told.
	Err error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("engineio: %s: refused (%s): %v", e.RemoteAddr, messages[e.Code], excerpt.Error(e.Err))
}

// Reason is what the client was told.
func (e *RefusedError) Reason() string { return messages[e.Code] }

func (e *RefusedError) Unwrap() error { return e.Err }

// The codes and what they say; both are Engine.IO's.
const (
	codeTransport = 0
	codeSession   = 1
	codeMethod    = 2
	codeRequest   = 3
	codeForbidden = 4
	codeProtocol  = 5
)

var messages = [...]string{
	codeTransport: "Transport unknown",
	codeSession:   "Session ID unknown",
	codeMethod:    "Bad handshake method",
	codeRequest:   "Bad request",
	codeForbidden: "Forbidden",
	codeProtocol:  "Unsupported protocol version",
}

// refusal is an answer to a request that is not served.
type refusal struct {
	status int
	code   int
	err    error
	reason string // what else the client is told
	empty  bool   // it gets no body
}

func refuse(code int, err error) *refusal {
	status := http.StatusBadRequest
	if code == codeForbidden {
		status = http.StatusForbidden
	}
	return &refusal{status: status, code: code, err: err}
}

// tooMany is the answer to an address that wants too much.
func tooMany(err error) *refusal {
	return &refusal{status: http.StatusTooManyRequests, code: codeRequest, err: err}
}

// refuse answers r and reports it.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	s.closing(w, r)
	if no.empty {
		w.WriteHeader(no.status)
	} else {
		body, _ := json.Marshal(struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Reason  string `json:"reason,omitempty"`
		}{no.code, messages[no.code], no.reason})
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(no.status)
		_, _ = w.Write(body)
	}
	s.refused(r, no)
}

// closing has the connection closed when a request that is not served has been answered. What it still sends is not waited for
// longer than after any other goodbye.
func (s *Server) closing(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
		if w.Header().Get("Upgrade") != "" { // which is for this connection only, and has to be named: on a line of its own for net/http
			w.Header().Add("Connection", "Upgrade")
		}
	}
	response := http.NewResponseController(w) // what cannot be set is bounded by others
	_ = response.SetWriteDeadline(time.Now().Add(s.config.BodyTimeout))
	if hasBody(r) {
		_ = response.SetReadDeadline(time.Now().Add(min(lingerTimeout, s.config.BodyTimeout)))
	}
}

func (s *Server) refused(r *http.Request, no *refusal) {
	err := &RefusedError{Code: no.code, RemoteAddr: r.RemoteAddr, Address: s.config.Address(r), Err: no.err}
	s.config.Logger.Debug("engineio: request refused", "remote", r.RemoteAddr, "code", no.code, "error", excerpt.Error(no.err))
	if s.config.ErrorHandler != nil {
		s.config.ErrorHandler(err)
	}
}
