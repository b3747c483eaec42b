package socketio

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// Serve accepts clients from l until the server is closed or l fails. It closes l before it returns. It returns
// ErrServerClosed after Shutdown or Close, and otherwise the error of l. It may be called for several listeners.
//
// Use Serve if the server has the port to itself: requests for paths other than Config.Path get status 404. On
// Linux a WebSocket on a *net.TCPListener does not pass through net/http, so clients connect faster than to an
// http.Server. There are two other differences from an http.Server: the request that Config.Admit gets has no
// context of an http.Server, and Shutdown and Close wait for Admit. The build tag backplane_nethttp switches this
// off: then net/http serves all connections.
//
// A client has Config.HeaderTimeout for the header of a request, of at most 16 KiB, and Config.BodyTimeout for
// the body. A connection without a request is closed after Config.IdleTimeout.
func (s *Server) Serve(l net.Listener) error {
	err := s.engine.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return ErrServerClosed
	}
	return err
}

// The limits of HTTPServer. They are the defaults of Serve.
const (
	httpHeaderTimeout = 10 * time.Second
	httpBodyTimeout   = 20 * time.Second
	httpIdleTimeout   = time.Minute
	httpHeaderBytes   = 16 << 10
)

// HTTPServer returns an http.Server for handler, which is a Server or passes requests on to one. Its timeouts
// protect it from clients that keep connections open without using them. A client has 10 seconds for the header of
// a request, of at most 16 KiB, and 20 seconds for the body. A connection without a request is closed after a
// minute. A response that is sent before the body has arrived closes the connection. There is no limit to how long
// a response takes, because the response to a poll may take long; a Server limits its own responses.
//
// The fields of the result may be changed. A handler that accepts uploads that take longer can set another deadline
// with http.ResponseController.SetReadDeadline.
func HTTPServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{Addr: addr, Handler: engineio.BoundBodies(handler, httpBodyTimeout),
		ReadHeaderTimeout: httpHeaderTimeout, IdleTimeout: httpIdleTimeout, MaxHeaderBytes: httpHeaderBytes}
}
