package socketio

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// Config configures a Server. The zero value of every field is its default; where Socket.IO has the option, it is named
// and the default is Socket.IO's.
type Config struct {
	// Cluster is where the namespaces live. The Server does not close it. Default: an in-memory cluster of its own, in
	// which this server is alone.
	Cluster *backplane.Cluster

	// Path is the path of all requests (Node.js: path). Default: "/socket.io/".
	Path string
	// PingInterval is how often a client is asked for a sign of life (Node.js: pingInterval). Default: 25 s.
	PingInterval time.Duration
	// PingTimeout is how long it may take to answer (Node.js: pingTimeout). Default: 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade from polling to WebSocket may take (Node.js: upgradeTimeout). Default: 10 s.
	UpgradeTimeout time.Duration
	// ShutdownTimeout is how long Shutdown waits at most for a client to get what is queued for it and a goodbye, which those
	// that poll get with their next poll. Clients that have gone without a word are not waited for longer. (Node.js cuts
	// everybody off at once.) Default: 5 s.
	ShutdownTimeout time.Duration
	// ConnectTimeout is how long a client may be connected without having joined a namespace (Node.js:
	// connectTimeout). Default: 45 s.
	ConnectTimeout time.Duration

	// MaxPayload is the most bytes of an HTTP body or of a WebSocket message that a client may send (Node.js:
	// maxHttpBufferSize). Default: 1 000 000.
	MaxPayload int
	// MaxAttachments is the most binary attachments of a packet that a client sends. Default: 10. Negative: none.
	MaxAttachments int
	// MaxEvents is the most events of one client that wait for its handlers. Nothing more is read from it then, until
	// there is room. While the server awaits acknowledgements of the client, which come behind its events, sixteen
	// times as many may wait. Default: 256.
	MaxEvents int
	// MaxEventBytes is the same in bytes as received; one event is accepted at any size. Default: 4 MiB.
	MaxEventBytes int
	// SendQueue is the most packets that wait to be sent to one client, which is disconnected with "send queue full"
	// above it. Default: 4096.
	SendQueue int
	// SendQueueBytes is the same in bytes: when so many wait, no further packet is accepted. Its own size does not count, so
	// that a large one is not too large because of a small one before it. Default: 4 MiB.
	SendQueueBytes int
	// MaxConnections is the most clients at a time; more are refused. Default: no limit.
	MaxConnections int
	// Admit decides about each handshake before anything is kept of it: rate limits, authentication by header (Node.js:
	// allowRequest). An error refuses it; the client is not told what the error says. Default: all are admitted.
	Admit func(*http.Request) error

	// Transports are those that clients may use (Node.js: transports). Default: "polling" and "websocket".
	Transports []string
	// NoUpgrades keeps clients on the transport that they came with (Node.js: allowUpgrades: false).
	NoUpgrades bool
	// Origins are the origins, such as "https://example.com", whose pages may connect, besides those of the server's
	// own host (Node.js: cors.origin); "*" is any. Default: the own host's only.
	Origins []string
	// Credentials lets the pages of Origins send cookies (Node.js: cors.credentials). It cannot be combined with "*".
	Credentials bool
	// Cookie is the template of a cookie for load balancers that keep a client on its node (Node.js: cookie). Its Value
	// is ignored. Default: none.
	Cookie *http.Cookie
	// Compress offers clients compression of WebSocket messages (Node.js: perMessageDeflate).
	Compress bool
	// CompressMin is the size in bytes from which on a message is compressed (Node.js: perMessageDeflate.threshold).
	// Default: 1024.
	CompressMin int

	// MaxNamespaces is the most namespaces that one client is in, or wants to join, at a time. More are refused with a
	// connect_error "too many namespaces". Default: 100. Negative: no limit.
	MaxNamespaces int
	// MaxDynamicNamespaces is the most namespaces of OfPattern and OfFunc that clients have opened on this server and that
	// are open at a time. More are refused with a connect_error "too many dynamic namespaces". What the application opens by
	// Of does not count. Default: 10 000. Negative: no limit.
	MaxDynamicNamespaces int
	// KeepEmptyNamespaces keeps a namespace that a client has opened when its last client of this node has left. By default
	// it is closed then, as with Node.js's cleanupEmptyChildNamespaces.
	KeepEmptyNamespaces bool
	// CleanupEmptyNamespaces asks for the default (Node.js: cleanupEmptyChildNamespaces). It cannot be combined with
	// KeepEmptyNamespaces.
	CleanupEmptyNamespaces bool
	// Recovery lets a client that lost its connection for a short time come back with its id, rooms, data and the events
	// that it has missed (Node.js: connectionStateRecovery). Default: nil, it comes back as a new client.
	Recovery *Recovery

	// ErrorHandler is told what no caller is there to receive: a *HandlerError for what handlers return, arguments that
	// do not suit them, panics; errors of the cluster when it is the server's own. It must not block. Default: none;
	// the errors are logged either way.
	ErrorHandler func(error)
	// Logger gets errors as warnings and what clients do wrong as debug messages. Default: discards.
	Logger *slog.Logger
}

// The defaults that are this package's; the others are Engine.IO's.
const (
	defaultConnectTimeout = 45 * time.Second
	defaultMaxAttachments = 10
	defaultMaxEvents      = 256
	defaultMaxEventBytes  = 4 << 20
	defaultMaxPayload     = 1_000_000

	defaultMaxNamespaces        = 100
	defaultMaxDynamicNamespaces = 10_000
)

func (c Config) withDefaults() Config {
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	if c.MaxAttachments == 0 {
		c.MaxAttachments = defaultMaxAttachments
	}
	if c.MaxEvents <= 0 {
		c.MaxEvents = defaultMaxEvents
	}
	if c.MaxEventBytes <= 0 {
		c.MaxEventBytes = defaultMaxEventBytes
	}
	if c.MaxPayload <= 0 {
		c.MaxPayload = defaultMaxPayload
	}
	defaultTo(&c.MaxNamespaces, defaultMaxNamespaces)
	defaultTo(&c.MaxDynamicNamespaces, defaultMaxDynamicNamespaces)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func defaultTo(limit *int, value int) {
	if *limit == 0 {
		*limit = value
	}
}

func (c *Config) validate() error {
	if c.KeepEmptyNamespaces && c.CleanupEmptyNamespaces {
		return errors.New("socketio: KeepEmptyNamespaces and CleanupEmptyNamespaces exclude each other")
	}
	return nil
}

func (c Config) engine() engineio.Config {
	return engineio.Config{
		Path: c.Path, PingInterval: c.PingInterval, PingTimeout: c.PingTimeout, UpgradeTimeout: c.UpgradeTimeout,
		ShutdownTimeout: c.ShutdownTimeout,
		MaxPayload:      c.MaxPayload, SendQueue: c.SendQueue, SendQueueBytes: c.SendQueueBytes,
		Transports: c.Transports, NoUpgrades: c.NoUpgrades, Origins: c.Origins, Credentials: c.Credentials,
		Cookie: c.Cookie, Compress: c.Compress, CompressMin: c.CompressMin, MaxConnections: c.MaxConnections,
		Admit: c.Admit, ErrorHandler: c.ErrorHandler, Logger: c.Logger,
	}
}
