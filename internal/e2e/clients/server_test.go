package clients_test

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// server is a Socket.IO server with the test application.
type server interface {
	// url is the URL for clients.
	url() string
	// run executes an op. It returns an error for a call that Socket.IO refuses with an exception.
	run(ctx context.Context, o op) (result, error)
	// reports are the events of the application.
	reports() *nodejs.Inbox[serverEvent]
	// stop closes the server. start starts it again at the same address with a new state.
	stop(ctx context.Context) error
	start(ctx context.Context) error
}

// serverEvent is an event of the application.
type serverEvent struct {
	// What: held, connection, disconnecting, disconnect, event, socketError, serverSide, room or namespace.
	What string
	NSP  string
	ID   string // id of the socket

	Recovered bool
	Transport string
	Auth      nodejs.Value
	Query     map[string]string
	Address   string
	URL       string
	Secure    bool
	Header    string // the header X-Test of the handshake
	Data      nodejs.Value
	Rooms     []string

	Event   string
	Args    nodejs.Value
	WithAck bool

	Reason  string
	Message string

	Kind string // join-room, leave-room and so on
	Room string
}

func (e serverEvent) args() []any {
	args, _ := e.Args.V.([]any)
	return args
}

// config is the configuration of a server. Zero values mean Socket.IO's defaults.
type config struct {
	maxPayload     int
	pingInterval   time.Duration
	pingTimeout    time.Duration
	connectTimeout time.Duration
	upgradeTimeout time.Duration
	transports     []string
	noUpgrades     bool
	compress       bool
	allowEIO3      bool
	// recovery is how long the state of a connection is kept.
	recovery        time.Duration
	logged          bool // the cluster of the Go server keeps a log
	drainTime       time.Duration
	streams         int // port of a Redis server; not 0: the cluster is on Redis streams
	cleanNamespaces bool
	cookie          string
	origins         []string
	proxies         []string // of the Go server
	byServe         bool     // use Serve instead of an http.Server, in the Go server
}
