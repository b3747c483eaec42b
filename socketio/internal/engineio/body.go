package engineio

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// BoundBodies returns a handler that gives each request timeout to send its body. See boundBody.
func BoundBodies(h http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		boundBody(w, r, timeout)
		h.ServeHTTP(w, r)
	})
}

// boundBody makes reads from r's body fail if the whole body has not arrived within timeout. A response that is
// written before the body has arrived closes the connection, because net/http would otherwise wait for the rest
// of the body.
func boundBody(w http.ResponseWriter, r *http.Request, timeout time.Duration) {
	if !hasBody(r) {
		return
	}
	response := http.NewResponseController(w)
	// If the deadline cannot be set, the application has to limit the time for the body.
	_ = response.SetReadDeadline(time.Now().Add(timeout))
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	r.Body = &boundedBody{ReadCloser: r.Body, header: w.Header(), response: response}
}

// hasBody reports whether r has a body. Its length may be unknown (-1).
func hasBody(r *http.Request) bool { return r.ContentLength != 0 }

// boundedBody removes the limits that boundBody has set once the whole body has arrived.
type boundedBody struct {
	io.ReadCloser
	header   http.Header
	response *http.ResponseController
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF && b.response != nil {
		b.header.Del("Connection")
		_ = b.response.SetReadDeadline(time.Time{}) // the deadline must not end the wait for the response
		b.response = nil
	}
	return n, err
}

// respond responds to a request. The client has timeout to read the response.
func respond(
	w http.ResponseWriter, response *http.ResponseController, timeout time.Duration, contentType string, body []byte,
) error {
	_ = response.SetWriteDeadline(time.Now().Add(timeout))
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	_, err := w.Write(body)
	if err == nil {
		if err = response.Flush(); errors.Is(err, http.ErrNotSupported) {
			err = nil
		}
	}
	_ = response.SetWriteDeadline(time.Time{}) // the connection may serve other requests
	return err
}
