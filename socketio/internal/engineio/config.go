package engineio

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// The transports.
const (
	polling   = "polling"
	webSocket = "websocket"
)

// Config configures a Server. Only Open is required; the zero value of every other field is its default. Where
// Socket.IO has the option, the default is Socket.IO's.
//
// If a Server is the handler of an http.Server, set the http.Server's ReadHeaderTimeout and IdleTimeout. They
// limit how long a client may take to send the headers of a request, and how long a connection may stay open
// without a request.
type Config struct {
	// Path is the path of all requests. A missing slash at its end is added. Default: "/socket.io/".
	Path string
	// PingInterval is how long after a pong the next ping is sent (Node.js: pingInterval). Default: 25 s.
	PingInterval time.Duration
	// PingTimeout is how long the client may take to answer a ping (Node.js: pingTimeout). Default: 20 s.
	PingTimeout time.Duration
	// HeaderTimeout is how long a client may take to send the headers of a request. It applies to Serve; an
	// http.Server has its own setting. Default: 10 s.
	HeaderTimeout time.Duration
	// BodyTimeout is how long a client may take to send the body of a request. Default: PingTimeout.
	BodyTimeout time.Duration
	// IdleTimeout is how long a connection is kept open between requests. It applies to Serve; an http.Server
	// has its own setting. Default: 1 minute.
	IdleTimeout time.Duration
	// UpgradeTimeout is how long an upgrade to WebSocket may take (Node.js: upgradeTimeout). Default: 10 s.
	UpgradeTimeout time.Duration
	// ShutdownTimeout is how long Shutdown waits until clients have received their queued frames and a close
	// message. Clients that poll receive the close message with their next poll. (Node.js cuts off all clients
	// at once.) Default: 5 s.
	ShutdownTimeout time.Duration
	// MaxPayload is the maximum size in bytes of an HTTP body, or of a decompressed WebSocket message, from a
	// client (Node.js: maxHttpBufferSize). Default: 1 000 000.
	MaxPayload int
	// SendQueue is the maximum number of frames that wait for one client. Default: 4096.
	SendQueue int
	// SendQueueBytes is how many bytes may wait for one client. A frame is refused only when the limit is
	// already reached. Default: 4 MiB.
	SendQueueBytes int
	// Transports are the transports that clients may use (Node.js: transports). Default: "polling" and
	// "websocket".
	Transports []string
	// NoUpgrades keeps clients on the transport of their first request (Node.js: allowUpgrades: false).
	NoUpgrades bool
	// Origins are the origins, such as "https://example.com", "file://" or "null", whose pages may connect, in
	// addition to those of the server's own host. "*" stands for any origin. Clients other than browsers send
	// no origin and may always connect. Default: none.
	Origins []string
	// Hosts are the hosts that requests may name, such as "example.com", or "example.com:3000" for this port
	// only. Requests for other hosts are refused with status 403. Default: any host.
	Hosts []string
	// TrustedProxies are the addresses of proxies, or address ranges such as "10.0.0.0/8". The server takes the
	// client's address, and the host and scheme of its request, from the headers of these proxies. "unix"
	// stands for all peers that connect over a Unix socket. Default: none.
	TrustedProxies []string
	// Credentials lets pages of Origins send cookies. It cannot be combined with "*".
	Credentials bool
	// Cookie is the template of a cookie that holds the session's id. Load balancers can use it to route all
	// requests of a session to the same process. Its Value is ignored, and scripts cannot read the cookie. The
	// defaults of its fields are those of Node.js: Name "io", Path "/", SameSite lax. Default: no cookie.
	Cookie *http.Cookie
	// AllowEIO3 admits clients of Engine.IO 3, except those that use JSONP (Node.js: allowEIO3).
	AllowEIO3 bool
	// Compress offers clients permessage-deflate, without context between messages (Node.js: perMessageDeflate).
	Compress bool
	// CompressMin is the minimum size in bytes of a message to compress. Default: 1024.
	CompressMin int
	// HTTPCompression is the minimum size in bytes of a response to a poll to compress with gzip or deflate, if
	// the client accepts that (Node.js: httpCompression.threshold). Default: 1024. If negative, no response is
	// compressed.
	HTTPCompression int
	// MaxConnections is the maximum number of open sessions. Further handshakes are refused with status 503.
	// Default: no limit.
	MaxConnections int
	// Rates limit how many messages, and bytes of messages, a client may send per second on average. A client
	// that exceeds a limit is disconnected, with the name of the limit as the reason. Default: no limit.
	Rates quota.RateLimits
	// Memory limits the memory of all clients' queues together, including unfinished messages from clients.
	// When it is used up, clients that hold more than their share are disconnected. Default: no limit.
	Memory *quota.Budget
	// PerAddress holds the limits for each client address. Requests above them are refused with status 429.
	PerAddress quota.AddressLimits
	// Address returns the client address to which PerAddress applies, or "" if no limit applies. Default: the
	// request's RemoteAddr.
	Address func(*http.Request) string
	// Admit is called for each handshake (Node.js: allowRequest). If it returns an error, the handshake is
	// refused with status 403. The error is not sent to the client.
	Admit func(*http.Request) error
	// Open is called once for each session, before its first message. It must not return nil.
	Open func(*Conn) Receiver
	// Opened is called once for each session after Open, when the session has its transport, and before its first
	// message. Default: none.
	Opened func(Receiver)
	// ErrorHandler is called with a *RefusedError for each refused request. It must not block. Default: none.
	ErrorHandler func(error)
	// Journal receives refused requests, malformed headers of trusted proxies, and errors of the HTTP server and of
	// the acceptor. Default: none.
	Journal *journal.Journal
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
	if c.Journal == nil {
		c.Journal = journal.New(nil)
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
		{"PingInterval", int64(c.PingInterval)}, {"PingTimeout", int64(c.PingTimeout)},
		{"UpgradeTimeout", int64(c.UpgradeTimeout)}, {"HeaderTimeout", int64(c.HeaderTimeout)},
		{"BodyTimeout", int64(c.BodyTimeout)}, {"IdleTimeout", int64(c.IdleTimeout)},
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
			return fmt.Errorf("socketio: Origins: %q is not an origin such as https://example.com or file://: %w",
				text, err)
		}
	}
	for _, text := range c.Hosts {
		if _, ok := parseHost(text); !ok {
			return fmt.Errorf("socketio: Hosts: %q is not a host such as example.com or example.com:3000", text)
		}
	}
	for _, text := range c.TrustedProxies {
		if _, err := parseRange(text); err != nil && text != unixPeers {
			return fmt.Errorf("socketio: TrustedProxies: %q is not an address such as 192.0.2.1, "+
				"a range such as 10.0.0.0/8, or \"unix\"", text)
		}
	}
	if c.Cookie != nil {
		if err := c.Cookie.Valid(); err != nil {
			return fmt.Errorf("socketio: Cookie: %w", err)
		}
	}
	return nil
}
