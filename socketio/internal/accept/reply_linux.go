//go:build !backplane_nethttp

package accept

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/netpoll"
)

// reply is the http.ResponseWriter of a handshake.
type reply struct {
	pending *pendingConn
	header  http.Header
	status  int
	body    bytes.Buffer
}

func (w *reply) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

func (w *reply) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *reply) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// empty is the bufio.Reader of all hijacked connections, because TakeOver returns the input that has arrived.
var empty = bufio.NewReaderSize(nil, 16)

// Hijack implements http.Hijacker.
func (w *reply) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return &hijackedConn{pending: w.pending}, bufio.NewReadWriter(empty, nil), nil
}

// response returns the response as bytes. It closes the connection.
func (w *reply) response(r *http.Request) []byte {
	w.WriteHeader(http.StatusOK)
	response := http.Response{StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: w.Header(),
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Close: true}
	var b bytes.Buffer
	_ = response.Write(&b) // writing to memory does not fail
	return b.Bytes()
}

// hijackedConn implements Hijacked.
type hijackedConn struct {
	net.Conn // nil: other methods are not called
	pending  *pendingConn
}

var _ Hijacked = (*hijackedConn)(nil)

func (h *hijackedConn) Write(p []byte) (int, error) { return h.pending.conn.Write(p) }
func (h *hijackedConn) SetDeadline(time.Time) error { return nil }
func (h *hijackedConn) Linger()                     { h.pending.linger() }

func (h *hijackedConn) Close() error {
	h.pending.linger()
	return nil
}

func (h *hijackedConn) TakeOver() (netpoll.Conn, []byte) {
	h.pending.taken = true
	return h.pending.conn, h.pending.early
}
