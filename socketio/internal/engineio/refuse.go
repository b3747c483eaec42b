package engineio

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/journal"
)

// RefusedError says why a request was refused.
type RefusedError struct {
	// Code is the code in the response, as in Node.js's engine.io: 0 unknown transport, 1 unknown session, 2 bad
	// handshake method, 3 bad request, 4 forbidden, 5 unsupported protocol version.
	Code int
	// RemoteAddr is the client's network address.
	RemoteAddr string
	// Address is the client address that Config.Address has returned for the request.
	Address string
	// Err is the cause. It is not sent to the client.
	Err error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("engineio: %s: refused (%s): %v", e.RemoteAddr, messages[e.Code], excerpt.Error(e.Err))
}

// Reason returns the text in the response.
func (e *RefusedError) Reason() string { return messages[e.Code] }

func (e *RefusedError) Unwrap() error { return e.Err }

// The codes of refusals and their texts. Both are Engine.IO's.
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

// refusal is the response to a request that is not served.
type refusal struct {
	status int
	code   int
	err    error
	reason string // further text for the client, may be ""
	empty  bool   // the response has no body
}

func refuse(code int, err error) *refusal {
	status := http.StatusBadRequest
	if code == codeForbidden {
		status = http.StatusForbidden
	}
	return &refusal{status: status, code: code, err: err}
}

// refuseAddress is the refusal of an address that has reached a limit.
func refuseAddress(err error) *refusal {
	return &refusal{status: http.StatusTooManyRequests, code: codeRequest, err: err}
}

// refuseValue is the refusal of a request because of a header's value. The response and the log both name the
// value. It is quoted, so that it cannot be mistaken for other text.
func refuseValue(err error, what, value string) *refusal {
	no := refuse(codeForbidden, fmt.Errorf("%w: %q", err, excerpt.Of(value)))
	no.reason = fmt.Sprintf("%s %q is not allowed", what, excerpt.Of(value))
	return no
}

// refuse responds to r and reports the refusal.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	s.closeAfterResponse(w, r)
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
	s.reportRefusal(r, no)
}

// closeAfterResponse makes net/http close the connection after the response to a refused request. The server
// waits at most lingerTimeout for the rest of the request's body.
func (s *Server) closeAfterResponse(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
		// Connection has to name Upgrade too, in a separate header line, because net/http looks for a line with
		// only "close".
		if w.Header().Get("Upgrade") != "" {
			w.Header().Add("Connection", "Upgrade")
		}
	}
	// If the deadlines cannot be set, the application has to limit the time of requests.
	response := http.NewResponseController(w)
	_ = response.SetWriteDeadline(time.Now().Add(s.config.BodyTimeout))
	if hasBody(r) {
		_ = response.SetReadDeadline(time.Now().Add(min(lingerTimeout, s.config.BodyTimeout)))
	}
}

// reportRefusal logs a refusal, and calls Config.ErrorHandler with it.
func (s *Server) reportRefusal(r *http.Request, no *refusal) {
	err := &RefusedError{Code: no.code, RemoteAddr: r.RemoteAddr, Address: s.config.Address(r), Err: no.err}
	if j := s.config.Journal; j.Writes(&journal.RequestRefused) {
		j.Log(&journal.RequestRefused, slog.StringValue(r.RemoteAddr), slog.IntValue(no.status),
			slog.IntValue(no.code), journal.Error(no.err))
	}
	if s.config.ErrorHandler != nil {
		s.config.ErrorHandler(err)
	}
}
