//go:build !backplane_nethttp

package accept

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/header"
	"github.com/backplane-go/backplane/socketio/internal/netpoll"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/timers"
)

// pendingConn is an accepted connection whose first request head has not arrived yet. It is the connection's
// netpoll.Handler until the handshake has been served.
type pendingConn struct {
	acceptor *Acceptor
	conn     *netpoll.Polled
	remote   string       // the client's address
	timer    timers.Timer // for HeaderTimeout, and then for LingerTimeout

	// only for the reader
	head    []byte // the bytes so far, unless the whole head arrived at once
	early   []byte // input that arrived after the handshake
	taken   bool   // the handler of the handshake has taken the connection over
	refused bool   // input is ignored until the client closes the connection
}

// Expire implements timers.Expirer.
func (p *pendingConn) Expire(int64) { p.conn.Cut() }

// Next implements netpoll.Handler.
func (p *pendingConn) Next([]byte, *sched.Slot) netpoll.Step { return netpoll.Read }

// End implements netpoll.Handler.
func (p *pendingConn) End([]byte, error, *sched.Slot) bool { return true }

// Closed implements netpoll.Handler.
func (p *pendingConn) Closed(error) {
	_ = p.conn.Close()
	p.leave()
}

// leave is called when the connection is no longer pending.
func (p *pendingConn) leave() {
	p.acceptor.config.Timers.Stop(&p.timer)
	p.acceptor.remove(p)
}

// readers parse heads.
var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// Input implements netpoll.Handler.
func (p *pendingConn) Input(buf []byte, n int, _ *sched.Slot) (more bool) {
	if p.refused {
		return false
	}
	in := buf[netpoll.Reserve : netpoll.Reserve+n]
	if p.head != nil {
		p.head = append(p.head, in...)
		in = p.head
	}
	const end = "\n\r\n"
	size := bytes.Index(in, []byte(end)) + len(end)
	whole := size >= len(end)
	switch {
	case !p.mayBeHandshake(in),
		whole && !hasUpgrade(in[:size]),
		!whole && (len(in) >= p.acceptor.config.MaxHeader || bytes.Contains(in, []byte("\n\n"))):
		p.handOver(in)
		return false
	case !whole:
		if p.head == nil {
			p.head = bytes.Clone(in)
		}
		return false
	}
	reader := readers.Get().(*bufio.Reader)
	reader.Reset(bytes.NewReader(in[:size]))
	r, err := http.ReadRequest(reader)
	reader.Reset(nil)
	readers.Put(reader)
	if err != nil || !header.IsWebSocket(r) || r.Host == "" || r.Body != http.NoBody || !isOrdinary(in[:size], r) {
		p.handOver(in) // not a WebSocket handshake, or invalid: net/http serves or refuses it
		return false
	}
	r.RemoteAddr = p.remote
	if len(in) > size {
		p.early = bytes.Clone(in[size:])
	}
	p.head = nil
	p.acceptor.config.Timers.Stop(&p.timer)
	p.serve(r)
	return p.taken && p.early != nil
}

// mayBeHandshake reports whether in may be the beginning of a WebSocket handshake.
func (p *pendingConn) mayBeHandshake(in []byte) bool {
	const method = "GET "
	path := p.acceptor.config.Path
	return mayBegin(in, method) && (len(in) <= len(method) || mayBegin(in[len(method):], path)) &&
		(len(in) <= len(method)+len(path) || in[len(method)+len(path)] == '?')
}

// mayBegin reports whether in begins with prefix or, if in is shorter, is a prefix of it.
func mayBegin(in []byte, prefix string) bool {
	n := min(len(in), len(prefix))
	return string(in[:n]) == prefix[:n]
}

// hasUpgrade reports whether a head has the header Upgrade.
func hasUpgrade(head []byte) bool {
	const name = "\nupgrade:"
	for {
		i := bytes.IndexByte(head, '\n')
		if i < 0 || len(head)-i < len(name) {
			return false
		}
		if bytes.EqualFold(head[i:i+len(name)], []byte(name)) {
			return true
		}
		head = head[i+1:]
	}
}

// isOrdinary reports whether a request has nothing that net/http might refuse after it has parsed the head.
func isOrdinary(head []byte, r *http.Request) bool {
	for i, c := range head {
		// The head ends with a line feed, so a carriage return is never its last byte.
		if c < ' ' && c != '\t' && c != '\n' && (c != '\r' || head[i+1] != '\n') || c == 0x7f {
			return false
		}
	}
	for name := range r.Header {
		if !header.ConsistsOf(name, "-_") {
			return false
		}
	}
	return r.Header["Expect"] == nil && header.ConsistsOf(r.Host, "-_.:[]")
}

// serve serves a handshake.
func (p *pendingConn) serve(r *http.Request) {
	w := reply{pending: p}
	guard.Do(func() {
		p.acceptor.config.Handler.ServeHTTP(&w, r)
		switch {
		case p.taken:
			p.leave()
		case !p.refused:
			_, _ = p.conn.Write(w.response(r)) // fits into the buffer of a new connection
			p.linger()
		}
	}, func(err error) { p.abort(r, err) })
}

// abort gives up the connection after a panic.
func (p *pendingConn) abort(r *http.Request, err error) {
	if !errors.Is(err, http.ErrAbortHandler) {
		p.acceptor.config.Journal.Log(&journal.HandshakeFailed, slog.StringValue(r.RemoteAddr), slog.AnyValue(err))
	}
	p.conn.Detach()
	if p.taken { // the new owner has closed the connection
		p.leave()
	} else {
		p.Closed(nil)
	}
}

// linger closes the connection when the client has read the answer and closed its side.
func (p *pendingConn) linger() {
	p.refused = true
	_ = p.conn.CloseWrite()
	p.acceptor.config.Timers.Set(&p.timer, p.acceptor.config.Timers.Now()+int64(p.acceptor.config.LingerTimeout))
}

// handOver passes the connection to Config.Rest, together with its first bytes.
func (p *pendingConn) handOver(in []byte) {
	p.conn.Detach()
	nc, err := p.conn.NetConn()
	head := bytes.Clone(in)
	if err == nil {
		p.acceptor.config.Rest(&netpoll.Prefixed{Conn: nc, Head: head})
	}
	p.Closed(nil)
}
