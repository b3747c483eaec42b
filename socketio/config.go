package socketio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// Config configures a Server. The zero value of every field is its default; where Socket.IO has the option, it is
// named and the default is Socket.IO's. A negative time or limit is an error of NewServer, unless its field says
// what it means.
type Config struct {
	// Cluster is where the namespaces live. The Server does not close it. Default: an in-memory cluster of its
	// own, in which this server is alone.
	Cluster *backplane.Cluster

	// Path is the path of all requests (Node.js: path). Default: "/socket.io/".
	Path string
	// PingInterval is how often a client is asked for a sign of life (Node.js: pingInterval). Default: 25 s.
	PingInterval time.Duration
	// PingTimeout is how long it may take to answer (Node.js: pingTimeout). Default: 20 s.
	PingTimeout time.Duration
	// HeaderTimeout is how long a client may take for the head of a request. It is for Serve; HTTPServer has its
	// own. Default: 10 s.
	HeaderTimeout time.Duration
	// BodyTimeout is how long the body of a request may take to arrive. Default: PingTimeout.
	BodyTimeout time.Duration
	// IdleTimeout is how long a connection is kept between two requests. It is for Serve; HTTPServer has its own.
	// Default: 1 minute.
	IdleTimeout time.Duration
	// UpgradeTimeout is how long an upgrade from polling to WebSocket may take (Node.js: upgradeTimeout).
	// Default: 10 s.
	UpgradeTimeout time.Duration
	// ShutdownTimeout is how long Shutdown waits at most for a client to get what is queued for it and a goodbye,
	// which those that poll get with their next poll. Clients that have gone without a word are not waited for
	// longer. (Node.js cuts everybody off at once.) Default: 5 s.
	ShutdownTimeout time.Duration
	// ConnectTimeout is how long a client may be connected without having joined a namespace (Node.js:
	// connectTimeout). Default: 45 s.
	ConnectTimeout time.Duration

	// MaxPayload is the most bytes of an HTTP body or of a WebSocket message that a client may send (Node.js:
	// maxHttpBufferSize). Above it the client is disconnected with "transport error". Default: 1 000 000.
	MaxPayload int
	// MaxAttachments is the most binary attachments of a packet that a client sends, which is disconnected with
	// "parse error" above it. One that the packet names twice counts twice, here and in MaxAttachmentBytes.
	// Default: 10. Negative: none are taken.
	MaxAttachments int
	// MaxAttachmentBytes is the most bytes of a packet with attachments, its text included; they are held until
	// all of it has come. Above it the client is disconnected with "parse error". Default: MaxEventBytes and
	// MaxPayload together.
	MaxAttachmentBytes int
	// MaxEvents is the most events of one client that wait for its handlers. No more are taken from it then,
	// until half of them are handled; its end is noticed all the same. While the server awaits acknowledgements
	// of the client, which come behind its events, sixteen times as many may wait. Default: 256.
	MaxEvents int
	// MaxEventBytes is the same in bytes as received, and not more while acknowledgements are awaited; the event
	// that reaches it is still taken. Default: 4 MiB.
	MaxEventBytes int
	// SendQueue is the most packets that wait to be sent to one client, which is disconnected with "send queue
	// full" above it. Default: 4096.
	SendQueue int
	// SendQueueBytes is the same in bytes: when so many wait, no further packet is accepted. Its own size does
	// not count, so that a large one is not too large because of a small one before it. Default: 4 MiB.
	SendQueueBytes int

	// The limits from here to MaxHandshakesPerSecond have defaults that no honest client meets. A negative value
	// is no limit. Each has a Quota, which is the reason that clients, logs, Audit and Stats get when it is
	// reached.

	// MaxEventsPerSecond is the most messages that one client may send per second in the long run; five seconds'
	// worth may come at once. Attachments, acknowledgements and pings count too. Above it the client is
	// disconnected with "too many events per second". Default: 20 000.
	MaxEventsPerSecond int
	// MaxBytesPerSecond is the same for the bytes of the messages, decompressed, with "too many bytes per
	// second". A message of more than five seconds' worth is too much, too. Default: 32 MiB, or MaxPayload if
	// that is more.
	MaxBytesPerSecond int
	// MaxRooms is the most rooms that one socket is in, besides that of its id. Join refuses more with "too many
	// rooms". Default: 4096.
	MaxRooms int
	// MaxRoomBytes is the most bytes of the names of these rooms together. Default: 1 MiB.
	MaxRoomBytes int
	// MaxNamespaces is the most namespaces that one client is in, or wants to join, at a time. More are refused
	// with a connect_error "too many namespaces". Default: 100.
	MaxNamespaces int
	// MaxAuthBytes is the most bytes of a packet by which a client joins a namespace, as its auth payload is
	// kept. A larger one is refused with a connect_error "auth payload too large". Default: 64 KiB.
	MaxAuthBytes int
	// MaxAcks is the most acknowledgements of one client that the server waits for at a time, in all its
	// namespaces. EmitWithAck refuses more with "too many acknowledgements awaited"; a broadcast reaches the
	// client all the same, but does not wait for its acknowledgement. Default: 10 000.
	MaxAcks int
	// MaxDynamicNamespaces is the most namespaces of OfPattern and OfFunc that clients have opened on this server
	// and that are open at a time. More are refused with a connect_error "too many dynamic namespaces". What the
	// application opens by Of does not count. Default: 10 000.
	MaxDynamicNamespaces int
	// MaxMemory is the most bytes that the queues of all clients hold together, with what has come of messages
	// that are not complete. When it is used up, a client that holds more than its share, which is MaxMemory
	// divided by those that hold something and at least 64 KiB, is disconnected with "memory of the queues used
	// up". Nothing more is read from a client whose share of events waits for its handlers. What is broadcast
	// counts once for all its clients, but for 16 bytes each. Default: 256 MiB.
	MaxMemory int
	// MaxUnjoined is the most clients at a time that have not joined a namespace. When there are more, the one
	// that has been connected for longest is disconnected with "too many clients without a namespace". Default:
	// 10 000.
	MaxUnjoined int
	// MaxUnjoinedBytes is the same in bytes of the URLs and headers that these clients came with. Default: 16
	// MiB.
	MaxUnjoinedBytes int
	// MaxConnections is the most clients at a time; more are refused with status 503. Default: no limit.
	MaxConnections int
	// MaxConnectionsPerAddress is the most clients of one address at a time; more are refused with status 429.
	// IPv6 addresses with the same first 64 bits are one address. Default: 10 000, as many people may be behind
	// one address; no limit for loopback, private and link-local addresses, which are those of proxies.
	MaxConnectionsPerAddress int
	// MaxUnjoinedPerAddress is the same for clients that have not joined a namespace. Default: 5000, as above.
	MaxUnjoinedPerAddress int
	// MaxHandshakesPerSecond is the most handshakes of one address per second in the long run, before Admit is
	// asked; five seconds' worth may come at once. More are refused with status 429. Default: 2000, as above.
	MaxHandshakesPerSecond int
	// ClientAddress returns the address that a request counts for, "" for none. Default: the request's
	// RemoteAddr, which is the client's behind TrustedProxies.
	ClientAddress func(*http.Request) string

	// Admit decides about each handshake before anything is kept of it: rate limits, authentication by header
	// (Node.js: allowRequest). An error refuses it; the client is not told what the error says. Default: all are
	// admitted.
	Admit func(*http.Request) error
	// Reauthenticate is how long after a client has connected, and then again and again, Admit is asked once
	// more, with the URL, headers and address that the client came with, and ReauthenticateSocket for each of its
	// sockets. No more than 16 clients are asked about at a time. Default: never.
	Reauthenticate time.Duration
	// ReauthenticateSocket decides whether a socket may stay, such as by the age of what its Auth holds. ctx ends
	// after 10 s, and when the client has gone. An error, from it or from Admit, disconnects the client with
	// "reauthentication failed". Default: all may.
	ReauthenticateSocket func(ctx context.Context, s *Socket) error
	// Audit is told who connects, is refused, disconnected, and reaches a limit. It is called by any goroutine,
	// and must not block. Default: none.
	Audit func(AuditEvent)

	// Transports are those that clients may use (Node.js: transports). Default: "polling" and "websocket".
	Transports []string
	// NoUpgrades keeps clients on the transport that they came with (Node.js: allowUpgrades: false).
	NoUpgrades bool
	// Origins are the origins, such as "https://example.com", "file://", "app://x" or "null", whose pages may
	// connect, besides those of the server's own host (Node.js: cors.origin); "*" is any. Default: the own host's
	// only.
	Origins []string
	// Hosts are the hosts that requests may be for, such as "example.com", or "example.com:3000" for that port
	// only. Requests for others are refused with status 403, before anything is kept of them. A server that is
	// reached by names that are known lists them: otherwise a page whose name is made to lead to the server ("DNS
	// rebinding") counts as one of the server's own host, which Origins lets in. Default: any.
	Hosts []string
	// TrustedProxies are the addresses of the proxies in front of the server, such as "127.0.0.1", or ranges such
	// as "10.0.0.0/8"; "unix" is all that connect over a Unix socket. Their headers X-Forwarded-For, -Host and
	// -Proto or, if none of these is there, Forwarded (RFC 7239) say the address of the client and the host and
	// scheme that it has asked for. These are then used for quotas, logs, Socket.Handshake, the check of origins
	// and Hosts. Admit and ClientAddress get a request with them too: with RemoteAddr (port 0 if the proxy has
	// sent none), Host, and, for https, a TLS that is empty but not nil. The client's address is the last one in
	// the header that is not a trusted proxy's: what the client itself has put before that is ignored. Default:
	// none is trusted, and the headers are ignored.
	TrustedProxies []string
	// Credentials lets the pages of Origins send cookies (Node.js: cors.credentials). It cannot be combined with
	// "*".
	Credentials bool
	// Cookie is the template of a cookie for load balancers that keep a client on its node (Node.js: cookie). Its
	// Value is ignored. Default: none.
	Cookie *http.Cookie
	// Compress offers clients compression of WebSocket messages (Node.js: perMessageDeflate).
	Compress bool
	// CompressMin is the size in bytes from which on a message is compressed (Node.js:
	// perMessageDeflate.threshold). Default: 1024.
	CompressMin int

	// HTTPCompression is the size in bytes from which on the answer to a poll is compressed, with gzip or
	// deflate, if the client accepts that (Node.js: httpCompression.threshold). That takes the server 30 to 50 µs
	// for an answer of 1 to 16 KiB, and half a millisecond for one of 256 KiB; answers that come while it is busy
	// with many others are not compressed. Events with Compress(false) alone are not compressed. Default: 1024.
	// Negative: none is.
	HTTPCompression int

	// KeepEmptyNamespaces keeps a namespace that a client has opened when its last client of this node has left.
	// By default it is closed then, as with Node.js's cleanupEmptyChildNamespaces.
	KeepEmptyNamespaces bool
	// CleanupEmptyNamespaces asks for the default (Node.js: cleanupEmptyChildNamespaces). It cannot be combined
	// with KeepEmptyNamespaces.
	CleanupEmptyNamespaces bool
	// Recovery lets a client that lost its connection for a short time come back with its id, rooms, data and the
	// events that it has missed (Node.js: connectionStateRecovery). Default: nil, it comes back as a new client.
	Recovery *Recovery

	// ErrorHandler is told what no caller is there to receive: a *HandlerError for what handlers return,
	// arguments that do not suit them, panics; errors of the cluster when it is the server's own. It must not
	// block: the goroutine that has found the error waits for it. Default: none; the errors are logged either
	// way.
	ErrorHandler func(error)
	// Logger gets errors as warnings and what clients do wrong as debug messages. Default: discards.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	defaultTo(&c.ConnectTimeout, 45*time.Second)
	defaultTo(&c.MaxPayload, 1_000_000)
	defaultTo(&c.MaxAttachments, 10)
	defaultTo(&c.MaxEvents, 256)
	defaultTo(&c.SendQueue, 4096)
	defaultTo(&c.SendQueueBytes, 4<<20)
	defaultTo(&c.MaxEventBytes, 4<<20)
	defaultTo(&c.MaxAttachmentBytes, c.MaxEventBytes+c.MaxPayload)
	defaultTo(&c.MaxEventsPerSecond, 20_000)
	defaultTo(&c.MaxBytesPerSecond, max(32<<20, c.MaxPayload))
	defaultTo(&c.MaxRooms, 4096)
	defaultTo(&c.MaxRoomBytes, 1<<20)
	defaultTo(&c.MaxNamespaces, 100)
	defaultTo(&c.MaxAuthBytes, 64<<10)
	defaultTo(&c.MaxAcks, 10_000)
	defaultTo(&c.MaxDynamicNamespaces, 10_000)
	defaultTo(&c.MaxMemory, 256<<20)
	defaultTo(&c.MaxUnjoined, 10_000)
	defaultTo(&c.MaxUnjoinedBytes, 16<<20)
	c.Logger = guard.Logger(c.Logger)
	return c
}

func defaultTo[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func (c *Config) validate() error {
	for _, p := range []struct {
		name  string
		value int64
	}{
		{"ConnectTimeout", int64(c.ConnectTimeout)}, {"Reauthenticate", int64(c.Reauthenticate)}, {"MaxEvents", int64(c.MaxEvents)},
		{"MaxEventBytes", int64(c.MaxEventBytes)}, {"MaxAttachmentBytes", int64(c.MaxAttachmentBytes)},
	} {
		if p.value < 0 {
			return fmt.Errorf("socketio: %s is negative", p.name)
		}
	}
	switch {
	case c.Recovery != nil && c.Recovery.MaxDisconnection < 0:
		return errors.New("socketio: Recovery.MaxDisconnection is negative")
	case c.KeepEmptyNamespaces && c.CleanupEmptyNamespaces:
		return errors.New("socketio: KeepEmptyNamespaces and CleanupEmptyNamespaces exclude each other")
	case c.Reauthenticate > 0 && c.Admit == nil && c.ReauthenticateSocket == nil:
		return errors.New("socketio: Reauthenticate needs Admit or ReauthenticateSocket")
	case c.Reauthenticate == 0 && c.ReauthenticateSocket != nil:
		return errors.New("socketio: ReauthenticateSocket needs Reauthenticate")
	}
	return nil
}

// address is the address that a request counts for, without its port.
func (c *Config) address(r *http.Request) string {
	if c.ClientAddress != nil {
		return host(c.ClientAddress(r))
	}
	return host(r.RemoteAddr)
}

// clients returns the configuration of the server's clients.
func (c *Config) clients() client.Config {
	return client.Config{
		MaxAttachments: c.MaxAttachments, MaxAttachmentBytes: c.MaxAttachmentBytes, MaxEvents: c.MaxEvents,
		MaxEventBytes: c.MaxEventBytes, MaxNamespaces: c.MaxNamespaces, MaxAuthBytes: c.MaxAuthBytes, Logger: c.Logger,
	}
}

// engine returns the configuration of the Engine.IO server.
func (c *Config) engine() engineio.Config {
	return engineio.Config{
		Path: c.Path, PingInterval: c.PingInterval, PingTimeout: c.PingTimeout, UpgradeTimeout: c.UpgradeTimeout,
		HeaderTimeout: c.HeaderTimeout, BodyTimeout: c.BodyTimeout, IdleTimeout: c.IdleTimeout, ShutdownTimeout: c.ShutdownTimeout,
		MaxPayload: c.MaxPayload, SendQueue: c.SendQueue, SendQueueBytes: c.SendQueueBytes,
		Transports: c.Transports, NoUpgrades: c.NoUpgrades, Origins: c.Origins, Hosts: c.Hosts, TrustedProxies: c.TrustedProxies, Credentials: c.Credentials,
		Cookie: c.Cookie, Compress: c.Compress, CompressMin: c.CompressMin, HTTPCompression: c.HTTPCompression, MaxConnections: c.MaxConnections,
		Rates: quota.RateLimits{Events: c.MaxEventsPerSecond, Bytes: c.MaxBytesPerSecond},
		PerAddress: quota.AddressLimits{Sessions: c.MaxConnectionsPerAddress, Unjoined: c.MaxUnjoinedPerAddress,
			Handshakes: c.MaxHandshakesPerSecond},
		Address: c.address, Admit: c.Admit, Logger: c.Logger,
	}
}
