package clients_test

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// server is a Socket.IO server with the application of these tests.
type server interface {
	// url is where clients connect to.
	url() string
	// run does what an op says. The error is that of a call which Socket.IO refuses by throwing.
	run(ctx context.Context, o op) (result, error)
	// reports is what happened in the application.
	reports() *nodejs.Inbox[serverEvent]
	// stop closes the server; start starts it again where it was, without any memory of before.
	stop(ctx context.Context) error
	start(ctx context.Context) error
}

// serverEvent is something that happened in the application.
type serverEvent struct {
	// What: held, connection, disconnecting, disconnect, event, socketError, serverSide, room or namespace.
	What string
	NSP  string
	ID   string // of the socket

	Recovered bool
	Transport string
	Auth      nodejs.Value
	Query     map[string]string
	Address   string
	URL       string
	Secure    bool
	Header    string // X-Test of the handshake
	Data      nodejs.Value
	Rooms     []string

	Event   string
	Args    nodejs.Value
	WithAck bool

	Reason  string
	Message string

	Kind string // join-room and the like
	Room string
}

func (e serverEvent) args() []any {
	args, _ := e.Args.V.([]any)
	return args
}

// config is how a server is set up. Zero values are Socket.IO's defaults.
type config struct {
	maxPayload     int
	pingInterval   time.Duration
	pingTimeout    time.Duration
	connectTimeout time.Duration
	upgradeTimeout time.Duration
	transports     []string
	noUpgrades     bool
	compress       bool
	// recovery is how long a connection's state is kept.
	recovery        time.Duration
	cleanNamespaces bool
	cookie          string
	origins         []string
	proxies         []string // that the Go server trusts
	byServe         bool     // of the Go server: it serves its port itself, without an http.Server around it
}
