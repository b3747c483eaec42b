// Package accept is the fast way for a client to open a WebSocket: it accepts TCP connections and serves the
// handshakes of WebSockets without net/http. No goroutine has to be started for the connection, and its socket
// need not be taken from Go's runtime. That takes the server 33 µs of processor time instead of 55 µs, and 51
// allocations instead of 75 (go test -bench Connect ./socketio/internal/engineio, "Serve" and "Handler").
//
// The package has one door, New, and everything it needs is in Config. A new connection is read by a poller
// until the head of its first request has come. A handshake is given to Config.Handler, which hijacks the
// connection in the usual way; what it gets is a Hijacked. All other connections are given to Config.Rest,
// together with their first bytes, for net/http to serve. A request that net/http might refuse goes to net/http
// too.
//
// It is only available on Linux. The build tag backplane_nethttp leaves it out. Without it net/http serves all
// connections, and nothing else changes.
//
// # Files
//
//   - acceptor_linux.go: accepting connections
//   - acceptor_other.go: stubs for systems where the package is not available
//   - config.go: Config and Hijacked
//   - pending_linux.go: a connection until the head of its request has come
//   - reply_linux.go: the http.ResponseWriter of a handshake
package accept

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/netpoll"
	"github.com/backplane-go/backplane/socketio/internal/timers"
)

// Config is what an Acceptor needs. All fields are required.
type Config struct {
	// Handler serves the handshakes. It must not block for long, since it is called by a goroutine that reads.
	Handler http.Handler
	// Path is the path of the handshakes. It ends with a slash.
	Path string
	// MaxHeader is the most bytes of a request's head.
	MaxHeader int
	// HeaderTimeout is how long a client may take to send the head.
	HeaderTimeout time.Duration
	// LingerTimeout is how long a client that was refused may take to close the connection.
	LingerTimeout time.Duration
	// Pollers read the connections. There must be one that runs.
	Pollers *netpoll.Pollers
	// Timers is for the timeouts.
	Timers *timers.Heap
	// Rest gets the connections whose first request is not a WebSocket's handshake. It may block.
	Rest func(net.Conn)
	// Logger gets panics of Handler, and errors of accepting.
	Logger *slog.Logger
}

// Hijacked is the connection that Handler gets by http.ResponseController.Hijack. Until TakeOver is called, only
// Write and Close work.
type Hijacked interface {
	net.Conn
	// TakeOver makes the caller the owner of the connection, and returns it with the input that came after the
	// handshake. Handler has to call the connection's Start before it returns.
	TakeOver() (c netpoll.Conn, early []byte)
	// Linger closes the connection when the client has closed its side, or after Config.LingerTimeout. It does
	// not block.
	Linger()
}
