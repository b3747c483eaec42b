package engineio

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// The transports.
const (
	polling   = "polling"
	webSocket = "websocket"
)

// Config configures a Server. Only Open is required; the zero value of every other field is its default. Where Socket.IO
// has the option, its default is Socket.IO's.
//
// Where a Server is the handler of an http.Server, it is that one which bounds how long a head, and a connection without a
// request, may take: set its ReadHeaderTimeout and IdleTimeout.
type Config struct {
	// Path is the path of all requests; a missing slash at its end is added. Default: "/socket.io/".
	Path string
	// PingInterval is how long after one sign of life a client is asked for the next (Node.js: pingInterval). Default: 25 s.
	PingInterval time.Duration
	// PingTimeout is how long it may take to answer (Node.js: pingTimeout). Default: 20 s.
	PingTimeout time.Duration
	// HeaderTimeout is how long a client may take for the head of a request. It is for Serve; an http.Server has its own.
	// Default: 10 s.
	HeaderTimeout time.Duration
	// BodyTimeout is how long the body of a request may take to arrive. Default: PingTimeout.
	BodyTimeout time.Duration
	// IdleTimeout is how long a connection is kept between requests. It is for Serve; an http.Server has its own.
	// Default: 1 minute.
	IdleTimeout time.Duration
	// UpgradeTimeout is how long an upgrade to WebSocket may take (Node.js: upgradeTimeout). Default: 10 s.
	UpgradeTimeout time.Duration
	// ShutdownTimeout is how long Shutdown waits at most for a client to get what is queued for it and a goodbye, which those
	// that poll get with their next poll. (Node.js cuts all off at once.) Default: 5 s.
	ShutdownTimeout time.Duration
	// MaxPayload is the most bytes of an HTTP body or of a WebSocket message, decompressed, that a client may send
	// (Node.js: maxHttpBufferSize). Default: 1 000 000.
	MaxPayload int
	// SendQueue is the most frames that wait for one client. Default: 4096.
	SendQueue int
	// SendQueueBytes is how many bytes wait for one client when no further frame is accepted, whose own size does not count.
	// Default: 4 MiB.
	SendQueueBytes int
	// Transports are those that clients may use (Node.js: transports). Default: "polling" and "websocket".
	Transports []string
	// NoUpgrades keeps clients on the transport they came with (Node.js: allowUpgrades: false).
	NoUpgrades bool
	// Origins are the origins, such as "https://example.com", "file://" or "null", whose pages may connect besides those of the
	// server's own host; "*" is any. Default: the own host's only. Clients that are no browser send no origin, and may connect.
	Origins []string
	// Hosts are those that requests may be for, such as "example.com", or "example.com:3000" for that port only. Others are
	// refused with status 403. Default: any.
	Hosts []string
	// TrustedProxies are the addresses, or ranges such as "10.0.0.0/8", of the proxies whose headers say the client's address and the
	// host and scheme that it has asked for; "unix" is all that connect over a Unix socket. Default: none.
	TrustedProxies []string
	// Credentials lets pages of Origins send cookies. It cannot be combined with "*".
	Credentials bool
	// Cookie is the template of a cookie that holds the session's id, so that a load balancer finds the process that has
	// it. Its Value is ignored, and scripts never see it. Default: no cookie. Its defaults are Node.js's: Name "io", Path
	// "/", SameSite lax.
	Cookie *http.Cookie
	// Compress offers clients permessage-deflate, without context between messages (Node.js: perMessageDeflate).
	Compress bool
	// CompressMin is the size in bytes from which on a message is compressed. Default: 1024.
	CompressMin int
	// HTTPCompression is the size in bytes from which on the answer to a poll is compressed, with gzip or deflate, if the client accepts
	// that (Node.js: httpCompression.threshold). Default: 1024. Negative: none is.
	HTTPCompression int
	// MaxConnections is the most sessions at a time; more are refused with status 503. Default: no limit.
	MaxConnections int
	// Rates are the most messages, and bytes of messages, that a client may send per second, in the long run. One that sends
	// more is disconnected, with the name of the limit as the reason. Default: no limit.
	Rates quota.RateLimits
	// Memory is what bounds the queues of all clients, and what has come of unfinished messages, together. A client that
	// holds more than its share when it is used up is disconnected. Default: no limit.
	Memory *quota.Budget
	// PerAddress are the limits of one address; what exceeds them is refused with status 429.
	PerAddress quota.AddressLimits
	// Address returns the address that a request counts for, "" for none. Default: its RemoteAddr.
	Address func(*http.Request) string
	// Admit decides about each handshake (Node.js: allowRequest); an error refuses it with status 403. The client is not
	// told what the error says.
	Admit func(*http.Request) error
	// Open is called once for each session, before its first message. It must not return nil.
	Open func(*Conn) Receiver
	// ErrorHandler is told of refused requests, as *RefusedError. It must not block. Default: none.
	ErrorHandler func(error)
	// Logger gets the same as debug messages. Default: discards.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Path == "" {
		c.Path = "/socket.io/"
	}
	if !strings.HasSuffix(c.Path, "/") {
		c.Path += "/"
	}
	defaultTo(&c.PingInterval, 25*time.Second)
	defaultTo(&c.PingTimeout, 20*time.Second)
	defaultTo(&c.UpgradeTimeout, 10*time.Second)
	defaultTo(&c.HeaderTimeout, 10*time.Second)
	defaultTo(&c.BodyTimeout, c.PingTimeout)
	defaultTo(&c.IdleTimeout, time.Minute)
	defaultTo(&c.ShutdownTimeout, 5*time.Second)
	defaultTo(&c.MaxPayload, 1_000_000)
	defaultTo(&c.SendQueue, 4096)
	defaultTo(&c.SendQueueBytes, 4<<20)
	defaultTo(&c.HTTPCompression, 1024)
	defaultTo(&c.CompressMin, 1024)
	if len(c.Transports) == 0 {
		c.Transports = []string{polling, webSocket}
	}
	c.Transports = slices.Clone(c.Transports)
	c.Origins = slices.Clone(c.Origins)
	if c.Cookie != nil {
		c.Cookie = cookieTemplate(*c.Cookie)
	}
	if c.Memory == nil {
		c.Memory = quota.NewBudget(0)
	}
	if c.Address == nil {
		c.Address = func(r *http.Request) string { return r.RemoteAddr }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func defaultTo[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func cookieTemplate(k http.Cookie) *http.Cookie {
	if k.Name == "" {
		k.Name = "io"
	}
	if k.Path == "" {
		k.Path = "/"
	}
	if k.SameSite == 0 {
		k.SameSite = http.SameSiteLaxMode
	}
	k.HttpOnly = true
	k.Value = "sid"
	return &k
}

func (c *Config) validate() error {
	for _, p := range []struct {
		name  string
		value int64
	}{
		{"PingInterval", int64(c.PingInterval)}, {"PingTimeout", int64(c.PingTimeout)}, {"UpgradeTimeout", int64(c.UpgradeTimeout)},
		{"HeaderTimeout", int64(c.HeaderTimeout)}, {"BodyTimeout", int64(c.BodyTimeout)}, {"IdleTimeout", int64(c.IdleTimeout)},
		{"ShutdownTimeout", int64(c.ShutdownTimeout)}, {"MaxPayload", int64(c.MaxPayload)},
		{"SendQueue", int64(c.SendQueue)}, {"SendQueueBytes", int64(c.SendQueueBytes)},
		{"CompressMin", int64(c.CompressMin)},
	} {
		if p.value < 0 {
			return fmt.Errorf("socketio: %s is negative", p.name)
		}
	}
	switch {
	case c.Open == nil:
		return fmt.Errorf("socketio: Open is required")
	case !strings.HasPrefix(c.Path, "/"):
		return fmt.Errorf("socketio: Path %q does not begin with a slash", c.Path)
	case c.Credentials && slices.Contains(c.Origins, "*"):
		return fmt.Errorf("socketio: Credentials for any origin would let every page act for its visitors")
	}
	for _, t := range c.Transports {
		if t != polling && t != webSocket {
			return fmt.Errorf("socketio: unknown transport %q", t)
		}
	}
	for _, text := range c.Origins {
		if _, err := parseOrigin(text); err != nil && text != "*" && text != "null" {
			return fmt.Errorf("socketio: Origins: %q is not an origin such as https://example.com or file://: %w", text, err)
		}
	}
	for _, text := range c.Hosts {
		if _, ok := parseHost(text); !ok {
			return fmt.Errorf("socketio: Hosts: %q is not a host such as example.com or example.com:3000", text)
		}
	}
	for _, text := range c.TrustedProxies {
		if _, err := parseRange(text); err != nil && text != unixPeers {
			return fmt.Errorf("socketio: TrustedProxies: %q is not an address such as 192.0.2.1, a range such as 10.0.0.0/8, or \"unix\"", text)
		}
	}
	if c.Cookie != nil {
		if err := c.Cookie.Valid(); err != nil {
			return fmt.Errorf("socketio: Cookie: %w", err)
		}
	}
	return nil
}
