package engineio

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gobwas/ws"

	"github.com/backplane-go/backplane/socketio/internal/header"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

var (
	errHTTP      = errors.New("engineio: WebSocket handshake in a version of HTTP before 1.1")
	errKey       = errors.New("engineio: Sec-WebSocket-Key is not base64 of 16 bytes")
	errVersion   = errors.New("engineio: Sec-WebSocket-Version is not 13")
	errProtocol  = errors.New("engineio: Sec-WebSocket-Protocol is not a list of tokens")
	errExtension = errors.New("engineio: Sec-WebSocket-Extensions is not a list of offers")
)

// The names of a handshake's headers as net/http writes them.
const (
	headerKey        = "Sec-Websocket-Key"
	headerVersion    = "Sec-Websocket-Version"
	headerProtocol   = "Sec-Websocket-Protocol"
	headerExtensions = "Sec-Websocket-Extensions"
)

// offer is what a client offers in the handshake of a WebSocket.
type offer struct {
	key       string
	protocol  string // the first subprotocol, "" if there is none
	extension string // the answer to the extensions, "" if none is accepted
}

// checkOffer checks the handshake of a WebSocket (RFC 6455, 4.2.1).
func (s *Server) checkOffer(w http.ResponseWriter, r *http.Request) (offer, *refusal) {
	if !r.ProtoAtLeast(1, 1) {
		return offer{}, &refusal{status: http.StatusHTTPVersionNotSupported, code: codeRequest, err: errHTTP}
	}
	if versions := r.Header[headerVersion]; len(versions) != 1 || versions[0] != "13" {
		w.Header().Set("Sec-WebSocket-Version", "13")
		no := refuse(codeRequest, errVersion)
		if len(versions) > 0 {
			no.status = http.StatusUpgradeRequired
			w.Header().Set("Upgrade", webSocket)
		}
		return offer{}, no
	}
	keys := r.Header[headerKey]
	if len(keys) != 1 {
		return offer{}, refuse(codeRequest, errKey)
	}
	if key, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(key) != 16 {
		return offer{}, refuse(codeRequest, errKey)
	}
	o := offer{key: keys[0]}
	for name := range header.Members(r.Header[headerProtocol]) {
		if !header.IsToken(name) {
			return offer{}, refuse(codeRequest, errProtocol)
		}
		o.protocol = name // Members returns the last member first, so the client's first subprotocol is left
	}
	if s.config.Compress {
		offers := slices.Collect(header.Members(r.Header[headerExtensions]))
		slices.Reverse(offers)
		var ok bool
		if o.extension, ok = wsframe.Negotiate(offers); !ok {
			return offer{}, refuse(codeRequest, errExtension)
		}
	}
	return o, nil
}

// accepted is a WebSocket whose handshake has succeeded, but whose response has not been sent.
type accepted struct {
	nc       net.Conn
	response []byte // written together with the first packet, which saves a write
	early    []byte // input that the client has sent without waiting for the response
	deflate  bool
}

// accept hijacks the connection of a handshake.
func (s *Server) accept(w http.ResponseWriter, o offer, cookie *http.Cookie) (*accepted, *refusal) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, &refusal{status: http.StatusInternalServerError, code: codeRequest, err: err}
	}
	_ = nc.SetDeadline(time.Time{}) // removes the deadline that the HTTP server has set
	a := &accepted{nc: nc, response: o.response(cookie), deflate: o.extension != ""}
	if n := rw.Reader.Buffered(); n > 0 {
		p, _ := rw.Reader.Peek(n)
		a.early = bytes.Clone(p)
	}
	return a, nil
}

// response returns the response to a handshake (RFC 6455, 4.2.2). The subprotocol is the client's first one, as
// in Node.js's engine.io, because browsers require that one of theirs is chosen.
func (o *offer) response(cookie *http.Cookie) []byte {
	p := make([]byte, 0, 256)
	p = append(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "...)
	sum := sha1.Sum([]byte(o.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	p = base64.StdEncoding.AppendEncode(p, sum[:])
	line := ""
	if cookie != nil {
		line = cookie.String()
	}
	for _, h := range [...][2]string{
		{"Sec-WebSocket-Protocol", o.protocol}, {"Sec-WebSocket-Extensions", o.extension}, {"Set-Cookie", line},
	} {
		if h[1] != "" {
			p = append(append(append(append(p, "\r\n"...), h[0]...), ": "...), h[1]...)
		}
	}
	return append(p, "\r\n\r\n"...)
}

// dismiss answers the handshake of a WebSocket that the session does not need, and closes the connection with a
// close frame without a code, as Node.js's engine.io does.
func (s *Server) dismiss(a *accepted, r *http.Request, no *refusal) {
	_, _ = a.nc.Write(append(a.response, ws.CompiledClose...)) // fits into the buffer of a new connection
	s.front.linger(a.nc)
	s.reportRefusal(r, no)
}
