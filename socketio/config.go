package socketio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/backplane-go/backplane"
)

// Config configures a Server. The zero value of every field means its default. If Socket.IO has the same option,
// the field's comment names it, and the default is the same. NewServer returns an error for a negative time or
// limit, unless the field's comment says what a negative value means.
type Config struct {
	// Cluster is the cluster to which the namespaces belong. The Server does not close it. Default: an in-memory
	// cluster with this server as its only node.
	Cluster *backplane.Cluster

	// Path is the path of all requests (Node.js: path). Default: "/socket.io/".
	Path string
	// PingInterval is how often the server pings a client (Node.js: pingInterval). Default: 25 s.
	PingInterval time.Duration
	// PingTimeout is how long a client has to answer a ping (Node.js: pingTimeout). Default: 20 s.
	PingTimeout time.Duration
	// HeaderTimeout is how long the header of a request may take to arrive. It applies to Server.Serve; HTTPServer
	// has its own limit. Default: 10 s.
	HeaderTimeout time.Duration
	// BodyTimeout is how long the body of a request may take to arrive. Default: PingTimeout.
	BodyTimeout time.Duration
	// IdleTimeout is how long a connection is kept open between two requests. It applies to Server.Serve;
	// HTTPServer has its own limit. Default: 1 min.
	IdleTimeout time.Duration
	// UpgradeTimeout is how long an upgrade from polling to WebSocket may take (Node.js: upgradeTimeout).
	// Default: 10 s.
	UpgradeTimeout time.Duration
	// ShutdownTimeout is how long Shutdown waits for each client to receive its queued packets and the final
	// packet. A polling client receives them with its next poll. The timeout matters for clients that no longer
	// respond. Node.js disconnects all clients at once. Default: 5 s.
	ShutdownTimeout time.Duration
	// DrainTime is the time over which Drain disconnects the clients. Default: 10 s.
	DrainTime time.Duration
	// ConnectTimeout is how long a client may be connected without joining a namespace (Node.js: connectTimeout).
	// Default: 45 s.
	ConnectTimeout time.Duration

	// MaxPayload is the maximum size of an HTTP body or a WebSocket message from a client, in bytes (Node.js:
	// maxHttpBufferSize). A client that exceeds it is disconnected with "transport error". Default: 1 000 000.
	MaxPayload int
	// MaxAttachments is the maximum number of binary attachments in a packet from a client. An attachment to which
	// the packet refers twice counts twice, here and in MaxAttachmentBytes. A client that exceeds it is
	// disconnected with "parse error". Default: 10. Negative: none are allowed.
	MaxAttachments int
	// MaxAttachmentBytes is the maximum size of a packet with attachments, including its text, in bytes. The server
	// holds the packet in memory until it is complete. A client that exceeds the limit is disconnected with "parse
	// error". Default: the sum of MaxEventBytes and MaxPayload.
	MaxAttachmentBytes int
	// MaxEvents is the maximum number of events from one client that wait for their handlers. When it is reached,
	// the server stops reading from the client until half of them are handled. It still notices when the client
	// disconnects. While the server waits for acknowledgements from the client, sixteen times as many events may
	// wait, because an acknowledgement may arrive behind them. Default: 256.
	MaxEvents int
	// MaxEventBytes is the maximum total size of these events, in bytes as received. It does not increase while the
	// server waits for acknowledgements. The event that reaches the limit is still accepted. Default: 4 MiB.
	MaxEventBytes int
	// SendQueue is the maximum number of packets that wait to be sent to one client. A client that exceeds it is
	// disconnected with "send queue full". Default: 4096.
	SendQueue int
	// SendQueueBytes is the maximum number of bytes that wait to be sent to one client. A packet is refused only
	// when the limit is already reached, so a single packet may be larger. Default: 4 MiB.
	SendQueueBytes int

	// The limits from here to MaxHandshakesPerSecond have defaults that no legitimate client reaches. A negative
	// value means no limit. Each limit has a Quota. The text of the Quota is the reason that clients receive, and
	// it appears in logs, Audit and Stats.

	// MaxEventsPerSecond is the maximum average number of messages per second from a client. A burst may contain
	// the messages of five seconds. Attachments, acknowledgements and pings count, too. A client that exceeds it is
	// disconnected with "too many events per second". Default: 20 000.
	MaxEventsPerSecond int
	// MaxBytesPerSecond is the maximum average number of bytes per second in these messages, after decompression. A
	// burst may contain the bytes of five seconds; a larger message exceeds the limit. A client that exceeds it is
	// disconnected with "too many bytes per second". Default: 32 MiB, or MaxPayload if that is more.
	MaxBytesPerSecond int
	// MaxRooms is the maximum number of rooms that a socket is in, not counting the room named after its id. Join
	// returns an error "too many rooms" for more. Default: 4096.
	MaxRooms int
	// MaxRoomBytes is the maximum total length of the names of these rooms, in bytes. Default: 1 MiB.
	MaxRoomBytes int
	// MaxNamespaces is the maximum number of namespaces that a client has joined or is joining. More are refused
	// with a connect_error "too many namespaces". Default: 100.
	MaxNamespaces int
	// MaxAuthBytes is the maximum size of the packet with which a client joins a namespace, in bytes. There is a
	// limit because the server keeps the auth payload. A larger packet is refused with a connect_error "auth
	// payload too large". Default: 64 KiB.
	MaxAuthBytes int
	// MaxAcks is the maximum number of acknowledgements that the server awaits from one client, in all of its
	// namespaces together. EmitWithAck returns an error "too many acknowledgements awaited" for more. A broadcast
	// still reaches the client, but does not wait for its acknowledgement. Default: 10 000.
	MaxAcks int
	// MaxDynamicNamespaces is the maximum number of open namespaces that clients have opened on this server, with
	// OfPattern and OfFunc. More are refused with a connect_error "too many dynamic namespaces". Namespaces that
	// the application opens with Of do not count. Default: 10 000.
	MaxDynamicNamespaces int
	// MaxMemory is the maximum number of bytes in the queues of all clients together, including incomplete
	// messages. When it is used up, a client that uses more than its share is disconnected with "memory of the
	// queues used up". The share is MaxMemory divided by the number of clients with bytes in a queue, but at least
	// 64 KiB. The server stops reading from a client whose events use up its share until some are handled. A
	// broadcast counts once for all clients, plus 16 bytes for each. Default: 256 MiB.
	MaxMemory int
	// MaxUnjoined is the maximum number of clients that have not joined a namespace. When there are more, the
	// client that connected first is disconnected with "too many clients without a namespace". Default: 10 000.
	MaxUnjoined int
	// MaxUnjoinedBytes is the maximum total size of the URLs and headers of these clients' requests, in bytes.
	// Default: 16 MiB.
	MaxUnjoinedBytes int
	// MaxConnections is the maximum number of clients. More are refused with HTTP status 503. Default: no limit.
	MaxConnections int
	// MaxConnectionsPerAddress is the maximum number of clients from one address. More are refused with HTTP status
	// 429. IPv6 addresses with the same first 64 bits count as one address. Default: 10 000, because many people
	// may share an address; no limit for loopback, private and link-local addresses, because these usually belong
	// to proxies.
	MaxConnectionsPerAddress int
	// MaxUnjoinedPerAddress is the maximum number of clients from one address that have not joined a namespace.
	// Default: 5000, with the same exceptions.
	MaxUnjoinedPerAddress int
	// MaxHandshakesPerSecond is the maximum average number of handshakes per second from one address. A burst may
	// contain the handshakes of five seconds. Handshakes are counted before Admit is called. More are refused with
	// HTTP status 429. Default: 2000, with the same exceptions.
	MaxHandshakesPerSecond int
	// ClientAddress returns the client address to which the limits per address apply. If it returns "", they do not
	// apply. Default: the request's RemoteAddr; behind TrustedProxies that is the client's address.
	ClientAddress func(*http.Request) string

	// Admit decides whether to accept a handshake, before the server stores anything about it (Node.js:
	// allowRequest). Use it for rate limits and for authentication by header. An error refuses the handshake; the
	// client does not get its text. Default: all handshakes are accepted.
	Admit func(*http.Request) error
	// Reauthenticate is the interval at which the server checks again whether each client may stay: it calls Admit
	// with the URL, headers and address with which the client connected, and ReauthenticateSocket for each of its
	// sockets. It checks up to 16 clients at the same time. Default: never.
	Reauthenticate time.Duration
	// ReauthenticateSocket decides whether a socket may stay, for example by the age of a token in its Auth. ctx
	// ends after 10 s and when the client disconnects. An error from it or from Admit disconnects the client with
	// "reauthentication failed". Default: all sockets may stay.
	ReauthenticateSocket func(ctx context.Context, s *Socket) error
	// Audit is called when a client connects, is refused, disconnects or reaches a limit. It may be called on any
	// goroutine and must not block. Default: none.
	Audit func(AuditEvent)

	// Transports are the transports that clients may use (Node.js: transports). Default: "polling" and
	// "websocket".
	Transports []string
	// NoUpgrades keeps clients on their first transport (Node.js: allowUpgrades: false).
	NoUpgrades bool
	// AllowEIO3 admits clients of version 2 of socket.io-client, which speak Engine.IO protocol 3 (Node.js:
	// allowEIO3), except those that use JSONP. The id of such a client's socket contains the id of its connection,
	// so do not send it to other clients. These clients cannot be recovered. Default: they are refused with HTTP
	// status 400 and "Unsupported protocol version".
	AllowEIO3 bool
	// Origins are the origins whose pages may connect, in addition to those of the server's own host (Node.js:
	// cors.origin). Examples: "https://example.com", "file://", "app://x", "null"; "*" allows all. Default: only
	// the own host.
	Origins []string
	// Hosts are the hosts that requests may be for, such as "example.com", or "example.com:3000" for that port
	// only. Other requests are refused with HTTP status 403, before the server stores anything about them. Set
	// Hosts if you know the names of the server. Otherwise an attacker can make the host name of a page resolve to
	// the server ("DNS rebinding"). The origin of that page then equals the host of its requests, so the check of
	// origins accepts it. Default: all hosts.
	Hosts []string
	// TrustedProxies are the addresses of the proxies in front of the server, such as "127.0.0.1", or ranges such
	// as "10.0.0.0/8"; "unix" stands for all connections over Unix sockets. The server takes the client's address
	// and the requested host and scheme from their headers X-Forwarded-For, -Host and -Proto or, without these,
	// from Forwarded (RFC 7239). It uses them for quotas, logs, Socket.Handshake, Hosts and the check of origins.
	// Admit and ClientAddress get a request with these values: in RemoteAddr (with port 0 if the proxy has sent no
	// port), in Host, and for https in a TLS field that is empty but not nil. The client's address is the last
	// address in the header that is not one of a trusted proxy; the client may have forged the addresses before it.
	// Default: no proxy is trusted, and the headers are ignored.
	TrustedProxies []string
	// Credentials allows the pages of Origins to send cookies (Node.js: cors.credentials). It cannot be combined
	// with "*".
	Credentials bool
	// Cookie is the template of a cookie for load balancers that route a client to the same node (Node.js:
	// cookie). Its Value is ignored. Default: none.
	Cookie *http.Cookie
	// Compress offers clients the compression of WebSocket messages (Node.js: perMessageDeflate). Default: no
	// compression.
	Compress bool
	// CompressMin is the size in bytes from which on a message is compressed (Node.js:
	// perMessageDeflate.threshold). Default: 1024.
	CompressMin int

	// HTTPCompression is the size in bytes from which on the response to a poll is compressed, with gzip or
	// deflate, if the client accepts that (Node.js: httpCompression.threshold). Compression takes 30 to 50 µs for 1
	// to 16 KiB and 0.5 ms for 256 KiB. The server does not compress a response while it is busy with many others,
	// or if the response consists only of events with Compress(false). Default: 1024. Negative: no compression.
	HTTPCompression int

	// KeepEmptyNamespaces keeps a namespace that a client has opened when the last client of this node has left it.
	// By default the namespace is closed, as with Node.js's cleanupEmptyChildNamespaces.
	KeepEmptyNamespaces bool
	// CleanupEmptyNamespaces selects the default explicitly (Node.js: cleanupEmptyChildNamespaces). It cannot be
	// combined with KeepEmptyNamespaces.
	CleanupEmptyNamespaces bool
	// Recovery restores the id, rooms and data of a client that was disconnected for a short time, and sends it the
	// events that it has missed (Node.js: connectionStateRecovery). Default: nil, which means that such a client is
	// a new client.
	Recovery *Recovery

	// ErrorHandler is called with errors that cannot be returned to a caller: a *HandlerError for errors and panics
	// of handlers and for arguments that do not fit, and errors of the cluster if NewServer opened it. It must not
	// block, because the goroutine that found the error waits for it. Default: none. The errors are logged, too.
	ErrorHandler func(error)
	// Logger gets what happens: what each client does as debug messages, reached quotas, slow handlers and errors as
	// warnings, and panics as errors. docs/reference/logs.md lists all messages. Default: log messages are discarded.
	Logger *slog.Logger
	// SlowHandler is how long the handlers of an event may take before that is logged. The next event of the client
	// waits for them. Default: 1 s. Negative: it is not measured, as without a Logger.
	SlowHandler time.Duration
}

func (c Config) withDefaults() Config {
	defaultTo(&c.ConnectTimeout, 45*time.Second)
	defaultTo(&c.DrainTime, 10*time.Second)
	defaultTo(&c.SlowHandler, time.Second)
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
		{"DrainTime", int64(c.DrainTime)}, {"ConnectTimeout", int64(c.ConnectTimeout)},
		{"Reauthenticate", int64(c.Reauthenticate)},
		{"MaxEvents", int64(c.MaxEvents)},
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
