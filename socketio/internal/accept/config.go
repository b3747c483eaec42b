// Package accept opens WebSockets faster than net/http: it accepts TCP connections and serves the handshakes of
// WebSockets itself. It starts no goroutine for a connection, and need not remove the socket from Go's runtime.
// A handshake takes the server 33 µs of processor time instead of 55 µs, and 51 allocations instead of 75 (go
// test -bench Connect ./socketio/internal/engineio, "Serve" and "Handler").
//
// The entry point is New; everything the package needs is in Config. A poller reads a new connection until the
// head of its first request has arrived. If the request is a handshake, Config.Handler serves it. The handler
// hijacks the connection in the usual way and receives a Hijacked. All other connections are passed to
// Config.Rest, together with their first bytes, for net/http to serve. Requests that net/http might refuse are
// passed to net/http too.
//
// The package is only available on Linux. The build tag backplane_nethttp leaves it out. net/http then serves
// all connections; nothing else changes.
//
// # Files
//
//   - acceptor_linux.go: accepting connections
//   - acceptor_other.go: stubs for systems where the package is not available
//   - config.go: Config and Hijacked
//   - pending_linux.go: connections whose request head has not arrived yet
//   - reply_linux.go: the http.ResponseWriter of a handshake
package accept

import (
	"net"
	"net/http"
	"time"

	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/netpoll"
	"github.com/backplane-go/backplane/socketio/internal/timers"
)

// Config is what an Acceptor needs. All fields are required.
type Config struct {
	// Handler serves the handshakes. It must not block for long, because the goroutine that calls it reads many
	// connections.
	Handler http.Handler
	// Path is the path of the handshakes. It ends with a slash.
	Path string
	// MaxHeader is the maximum size in bytes of a request's head.
	MaxHeader int
	// HeaderTimeout is how long a client may take to send the head.
	HeaderTimeout time.Duration
	// LingerTimeout is how long a refused client may take to close the connection.
	LingerTimeout time.Duration
	// Pollers read the connections. At least one poller must be running.
	Pollers *netpoll.Pollers
	// Timers runs the timeouts.
	Timers *timers.Heap
	// Rest is called with each connection whose first request is not a WebSocket handshake. It may block.
	Rest func(net.Conn)
	// Journal receives panics of Handler and errors of accepting connections.
	Journal *journal.Journal
}

// Hijacked is the connection that http.ResponseController.Hijack returns to Handler. Until TakeOver is called,
// only Write and Close work.
type Hijacked interface {
	net.Conn
	// TakeOver makes the caller the owner of the connection, and returns it with the input that has arrived
	// after the handshake. Handler has to call the connection's Start before it returns.
	TakeOver() (c netpoll.Conn, early []byte)
	// Linger closes the connection when the client has closed its side, or after Config.LingerTimeout. It does
	// not block.
	Linger()
}
