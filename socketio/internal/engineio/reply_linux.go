package engineio

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// reply is the ResponseWriter of an arrival's handshake.
type reply struct {
	arrival *arrival
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

// empty is the reader of all hijacked arrivals: what came behind a handshake is the poller's to handle.
var empty = bufio.NewReaderSize(nil, 16)

// Hijack implements http.Hijacker.
func (w *reply) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return &hijacked{arrival: w.arrival}, bufio.NewReadWriter(empty, nil), nil
}

// answer is what was written, with an end of the connection.
func (w *reply) answer(r *http.Request) []byte {
	w.WriteHeader(http.StatusOK)
	answer := http.Response{StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: w.Header(),
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Close: true}
	var b bytes.Buffer
	_ = answer.Write(&b) // to memory
	return b.Bytes()
}

// hijacked is the net.Conn of an arrival, for accepting a WebSocket. Nothing but the answer to the handshake is written to it.
type hijacked struct {
	net.Conn // nil
	arrival  *arrival
}

func (h *hijacked) Write(p []byte) (int, error) { return h.arrival.socket.polled.descriptor.Write(p) }
func (h *hijacked) SetDeadline(time.Time) error { return nil }

func (h *hijacked) Close() error {
	h.linger()
	return nil
}

func (h *hijacked) linger() { h.arrival.refused() }

// arrived returns what becomes a session's socket, nil: nc is no arrival.
func arrived(nc net.Conn) *socket {
	h, ok := nc.(*hijacked)
	if !ok {
		return nil
	}
	h.arrival.taken = true
	return h.arrival.socket
}
