package engineio

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

var (
	errHTTP      = errors.New("engineio: a WebSocket's handshake in a version of HTTP before 1.1")
	errKey       = errors.New("engineio: a Sec-WebSocket-Key that is not base64 of 16 bytes")
	errVersion   = errors.New("engineio: a Sec-WebSocket-Version that is not 13")
	errProtocol  = errors.New("engineio: a Sec-WebSocket-Protocol that is no list of tokens")
	errExtension = errors.New("engineio: a Sec-WebSocket-Extensions that is no list of offers")
)

// The names that net/http gives to a WebSocket's headers.
const (
	headerKey        = "Sec-Websocket-Key"
	headerVersion    = "Sec-Websocket-Version"
	headerProtocol   = "Sec-Websocket-Protocol"
	headerExtensions = "Sec-Websocket-Extensions"
)

// offer is what a client says in a WebSocket's handshake.
type offer struct {
	key       string
	protocol  string // the first one that it speaks, "": it names none
	extension string // our answer to its extensions, "": none is taken up
}

// checkOffer decides whether a request for a WebSocket is by the rules of RFC 6455, 4.2.1.
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
	for name := range members(r.Header[headerProtocol]) {
		if !isToken(name) {
			return offer{}, refuse(codeRequest, errProtocol)
		}
		o.protocol = name
	}
	if s.config.Compress {
		var ok bool
		if o.extension, ok = negotiate(r.Header[headerExtensions]); !ok {
			return offer{}, refuse(codeRequest, errExtension)
		}
	}
	return o, nil
}

// accepted is a WebSocket whose handshake is done, but not answered.
type accepted struct {
	nc      net.Conn
	answer  []byte // to be written before all else, together with the first packet: one write instead of two
	early   []byte // what the client sent without waiting for the answer
	deflate bool
}

// accept takes the connection of a request for a WebSocket over.
func (s *Server) accept(w http.ResponseWriter, o offer, cookie *http.Cookie) (*accepted, *refusal) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, &refusal{status: http.StatusInternalServerError, code: codeRequest, err: err}
	}
	_ = nc.SetDeadline(time.Time{}) // those of the HTTP server are over
	a := &accepted{nc: nc, answer: o.answer(cookie), deflate: o.extension != ""}
	if n := rw.Reader.Buffered(); n > 0 {
		p, _ := rw.Reader.Peek(n)
		a.early = bytes.Clone(p)
	}
	return a, nil
}

// answer is the answer to a handshake (RFC 6455, 4.2.2). The subprotocol is the first that the client speaks, as in Node.js's
// engine.io, because browsers want one of theirs to be chosen.
func (o *offer) answer(cookie *http.Cookie) []byte {
	p := make([]byte, 0, 256)
	p = append(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	sum := sha1.Sum([]byte(o.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	p = base64.StdEncoding.AppendEncode(p, sum[:])
	for _, h := range [...][2]string{{"Sec-WebSocket-Protocol", o.protocol}, {"Sec-WebSocket-Extensions", o.extension}, {"Set-Cookie", text(cookie)}} {
		if h[1] != "" {
			p = append(append(append(append(p, "\r\n"...), h[0]...), ": "...), h[1]...)
		}
	}
	return append(p, "\r\n\r\n"...)
}

// text is the cookie's line, "" for no cookie.
func text(cookie *http.Cookie) string {
	if cookie == nil {
		return ""
	}
	return cookie.String()
}

// dismiss answers a WebSocket that is not wanted, and closes it with a close frame that gives no reason, as Node.js's engine.io does.
func (s *Server) dismiss(a *accepted, r *http.Request, no *refusal) {
	_, _ = a.nc.Write(append(a.answer, ws.CompiledClose...)) // a new connection has room for it; if it is closed, nothing is left to do
	s.front.linger(a.nc)
	s.refused(r, no)
}
