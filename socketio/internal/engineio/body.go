package engineio

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// BoundBodies returns a handler whose requests have timeout to bring their body. See boundBody.
func BoundBodies(h http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		boundBody(w, r, timeout)
		h.ServeHTTP(w, r)
	})
}

// boundBody has reading r's body fail when it has not all come after timeout. An answer that is given before the whole body has
// come closes the connection: net/http would wait for the body otherwise.
func boundBody(w http.ResponseWriter, r *http.Request, timeout time.Duration) {
	if !hasBody(r) {
		return
	}
	response := http.NewResponseController(w)
	_ = response.SetReadDeadline(time.Now().Add(timeout)) // where it cannot be set, the application bounds it
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	r.Body = &boundedBody{ReadCloser: r.Body, header: w.Header(), response: response}
}

// hasBody reports whether a body is to come: of what length, or -1 for who knows.
func hasBody(r *http.Request) bool { return r.ContentLength != 0 }

// boundedBody is a body that ends what boundBody has begun when all of it has come.
type boundedBody struct {
	io.ReadCloser
	header   http.Header
	response *http.ResponseController
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF && b.response != nil {
		b.header.Del("Connection")
		_ = b.response.SetReadDeadline(time.Time{}) // it does not mean the wait for the answer
		b.response = nil
	}
	return n, err
}

// answer answers a request. The client has timeout to take it.
func answer(w http.ResponseWriter, response *http.ResponseController, timeout time.Duration, contentType string, body []byte) error {
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
	_ = response.SetWriteDeadline(time.Time{}) // the connection is the next request's
	return err
}
