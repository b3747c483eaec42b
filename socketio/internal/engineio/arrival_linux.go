package engineio

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"sync"

	"github.com/backplane-go/backplane/internal/guard"
)

// arrival is a connection that Serve has accepted and of which no whole head of a request has come. A poller reads it. When it asks for
// a WebSocket it becomes a session's socket; net/http gets all others, with what was read of them.
type arrival struct {
	server *Server
	socket *socket
	from   string // the client's address
	alarm  alarm  // of the head's timeout

	// Who reads has these.
	head  []byte // what has come, unless all came at once
	taken bool   // it is a session's socket
	over  bool   // it was refused: what comes is not looked at any more
}

// arrive begins to read a new connection.
func (s *Server) arrive(d *descriptor, from string) {
	a := &arrival{server: s, from: from}
	a.socket = &socket{nc: d, raw: (*borrowed)(d), arrival: a}
	a.socket.polled.poller, a.socket.polled.descriptor = s.pollers.pick(), d
	a.alarm.owner = a
	if !s.front.add(a) {
		_ = d.Close()
		return
	}
	s.alarms.set(&a.alarm, s.clock()+int64(s.config.HeaderTimeout))
	a.socket.polled.poller.watch(a.socket)
}

// ring implements ringer: the head has not come in time, or a client that was refused does not go.
func (a *arrival) ring(int64) { a.cut() }

func (a *arrival) cut() { a.socket.polled.descriptor.cut() }

// left is called when it is none any more.
func (a *arrival) left() {
	a.server.alarms.stop(&a.alarm)
	a.server.front.remove(a)
}

// ended is called when the connection has ended, or is not the poller's any more.
func (a *arrival) ended() {
	_ = a.socket.polled.descriptor.Close()
	a.left()
}

// heads read what is there.
var heads = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// read takes what has come. It is false if the connection is not the poller's any more.
func (a *arrival) read(p []byte) bool {
	if a.over {
		return true
	}
	if a.head != nil {
		a.head = append(a.head, p...)
		p = a.head
	}
	const end = "\n\r\n"
	size := bytes.Index(p, []byte(end)) + len(end)
	whole := size >= len(end)
	switch {
	case !a.mayAsk(p), whole && !asks(p[:size]), !whole && (len(p) >= maxHeader || bytes.Contains(p, []byte("\n\n"))):
		return a.handOver(p)
	case !whole:
		if a.head == nil {
			a.head = bytes.Clone(p)
		}
		return true
	}
	in := heads.Get().(*bufio.Reader)
	in.Reset(bytes.NewReader(p[:size]))
	r, err := http.ReadRequest(in)
	in.Reset(nil)
	heads.Put(in)
	if err != nil || !isUpgrade(r) || r.Host == "" || r.Body != http.NoBody || !ordinary(p[:size], r) {
		return a.handOver(p) // and net/http says what is wrong with it, or serves what is no WebSocket's handshake
	}
	r.RemoteAddr = a.from
	if len(p) > size {
		a.socket.ahead = bytes.Clone(p[size:])
	}
	a.head = nil
	a.server.alarms.stop(&a.alarm)
	return a.serve(r)
}

// mayAsk reports whether p may be the beginning of a WebSocket's handshake.
func (a *arrival) mayAsk(p []byte) bool {
	const method = "GET "
	path := a.server.config.Path
	return begins(p, method) && (len(p) <= len(method) || begins(p[len(method):], path)) &&
		(len(p) <= len(method)+len(path) || p[len(method)+len(path)] == '?')
}

// begins reports whether p begins as prefix does, as far as it goes.
func begins(p []byte, prefix string) bool {
	n := min(len(p), len(prefix))
	return string(p[:n]) == prefix[:n]
}

// asks reports whether a head asks for another protocol.
func asks(head []byte) bool {
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

// ordinary reports whether there is nothing in a request that net/http may refuse after it was read.
func ordinary(head []byte, r *http.Request) bool {
	for i, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && (c != '\r' || head[i+1] != '\n') || c == 0x7f { // its last byte is a line's end
			return false
		}
	}
	for name := range r.Header {
		if !made(name, "-_") {
			return false
		}
	}
	return r.Header["Expect"] == nil && made(r.Host, "-_.:[]")
}

// serve serves a handshake, as net/http would have it served. It is false if that panicked.
func (a *arrival) serve(r *http.Request) (served bool) {
	w := reply{arrival: a}
	return guard.Do(func() {
		a.server.ServeHTTP(&w, r)
		switch {
		case a.taken:
			a.left()
			a.socket.arrival = nil
		case !a.over:
			_, _ = a.socket.polled.descriptor.Write(w.answer(r)) // to a new connection: it has room
			a.refused()
		}
	}, func(err error) { a.failed(r, err) })
}

// failed gives up the connection after a panic.
func (a *arrival) failed(r *http.Request, err error) {
	if !errors.Is(err, http.ErrAbortHandler) {
		a.server.config.Logger.Error("engineio: panic in a handshake", "remote", r.RemoteAddr, "error", err)
	}
	a.socket.polled.poller.forget(a.socket)
	if a.taken { // and closed
		a.left()
	} else {
		a.ended()
	}
}

// refused closes the connection when the client has got its answer, and gone.
func (a *arrival) refused() {
	a.over = true
	_ = a.socket.polled.descriptor.CloseWrite()
	a.server.alarms.set(&a.alarm, a.server.clock()+int64(lingerTimeout))
}

// handOver gives the connection to net/http, with what was read of it.
func (a *arrival) handOver(p []byte) bool {
	a.socket.polled.poller.leave(a.socket)
	nc, err := a.socket.polled.descriptor.conn()
	head := bytes.Clone(p)
	if err == nil {
		a.server.front.handed.give(&replayed{Conn: nc, head: head})
	}
	a.ended()
	return false
}
