package socketio

import (
	"net/http"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// The limits of HTTPServer, which are those of Serve by default.
const (
	httpHeaderTimeout = 10 * time.Second
	httpBodyTimeout   = 20 * time.Second
	httpIdleTimeout   = time.Minute
	httpHeaderBytes   = 16 << 10
)

// HTTPServer returns an http.Server for handler, which is a Server or has one among its handlers, that no client can make keep a
// connection for nothing. A client has 10 seconds for the head of a request, of at most 16 KiB, and 20 for its body. A connection
// between two requests is closed after a minute. An answer that is given before all of a body has come closes the connection.
// There is no limit to how long an answer takes, since a client that polls waits for it; a Server bounds its own.
//
// The fields of what is returned may be changed. A handler that takes longer uploads sets the deadline that it wants with
// http.ResponseController's SetReadDeadline.
func HTTPServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{Addr: addr, Handler: engineio.BoundBodies(handler, httpBodyTimeout),
		ReadHeaderTimeout: httpHeaderTimeout, IdleTimeout: httpIdleTimeout, MaxHeaderBytes: httpHeaderBytes}
}
