package socketio

import (
	"errors"
	"net"
	"net/http"
)

// Serve serves the clients that connect to l, and closes l at the end. It returns ErrServerClosed after Shutdown or Close, and
// l's error when l can accept no more. It may be called for several listeners.
//
// It is for a server that has the port for itself: other paths than Config.Path get 404. On Linux a WebSocket of a *net.TCPListener does not
// pass through net/http, so that clients connect faster than to an http.Server whose handler is the Server. All else is the same, but that
// the request given to Config.Admit has no context of an http.Server's, and that Shutdown and Close wait for Admit.
//
// A client has Config.HeaderTimeout for the head of a request, of at most 16 KiB, and Config.BodyTimeout for its body. A connection that
// no request uses is closed after Config.IdleTimeout.
func (s *Server) Serve(l net.Listener) error {
	err := s.engine.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return ErrServerClosed
	}
	return err
}
