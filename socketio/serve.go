package socketio

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// Serve serves the clients that connect to l, and closes l at the end. It returns ErrServerClosed after Shutdown
// or Close, and l's error when l cannot accept any more. It may be called for several listeners.
//
// Serve is for a server that has the port for itself: paths other than Config.Path get status 404. On Linux a
// WebSocket on a *net.TCPListener does not pass through net/http, so clients connect faster than to an
// http.Server. All else is the same, with two exceptions: the request that Config.Admit gets has no context of
// an http.Server, and Shutdown and Close wait for Admit. The build tag backplane_nethttp switches this off: then
// net/http serves all connections.
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

// HTTPServer returns an http.Server for handler, which is a Server or passes requests on to one. Clients cannot
// make it keep connections for nothing. A client has 10 seconds for the header of a request, of at most 16 KiB,
// and 20 seconds for the body. A connection without a request is closed after a minute. A response that is sent
// before the body has arrived closes the connection. There is no limit to how long a response takes, because a
// client that polls waits for it; a Server limits its own responses.
//
// The fields of the result may be changed. A handler that takes longer uploads sets its own deadline with
// SetReadDeadline of http.ResponseController.
func HTTPServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{Addr: addr, Handler: engineio.BoundBodies(handler, httpBodyTimeout),
		ReadHeaderTimeout: httpHeaderTimeout, IdleTimeout: httpIdleTimeout, MaxHeaderBytes: httpHeaderBytes}
}
