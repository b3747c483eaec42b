// Package streamsdriver connects a cluster over Redis streams, as servers in Node.js with
// @socket.io/redis-streams-adapter 0.3 do. A Driver is the bus of a cluster whose dialect is redisstreams:
//
//	driver := streamsdriver.New(redis.NewClient(&redis.Options{Addr: "localhost:6379"}))
//
// The server has to be Redis 6.2 or later, or Valkey. The client may be one for a single server or for Sentinel.
//
// # Delivery
//
// A message on a channel whose name is "stream:", the name of a stream, "#" and a namespace becomes an entry of the
// stream (XADD): its payload has the fields of the entry, as dialect/redisstreams writes them. All other messages are
// published, on channels whose names are left as they are. A session reads the entries that are added after it has
// begun to listen to a namespace (XREAD), and listens to the channels. Messages of the stream keep their order, and so
// do those of the channels. There is no order between the two.
//
// A session that has lost its connection ends. What was published while there was none is lost.
//
// # Connections
//
// A driver has two connections that publish, one for streams and one for channels, and one that reads the log and has
// sessions. Each of its sessions has one for the channels, one for each stream that it reads, and one that asks where
// streams end. They are opened when they are needed, as package redisdriver describes it.
//
// # Log
//
// The entries of a stream are a log for each namespace in it (backplane.Config.Log), whoever has added them. Offsets
// are the ids of entries. The options of backplane.LogConfig for age and size do not apply: MaxLen does. A new epoch
// begins whenever the server may have lost entries: when it has another replication id (master_replid), as after a
// restart or a failover, and when the stream was deleted. The hash with the name of the stream and ":log" notes that.
// Entries of other namespaces may push those of a quiet one out of the stream; a driver that has received them knows
// that it has not missed any.
//
// A broken session, and a log that has lost entries, are reported as package redisdriver does.
//
// # Files
//
//   - driver.go: Driver and its Config
//   - publish.go: adding and publishing
//   - session.go: receiving
//   - reader.go: reading a stream
//   - log.go, scripts: reading the log
//   - sessions.go: the sessions of clients
package streamsdriver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

var (
	_ transport.Bus            = (*Driver)(nil)
	_ transport.Closer         = (*Driver)(nil)
	_ transport.Counter        = (*Driver)(nil)
	_ transport.PrefixListener = (*Driver)(nil)
)

// Config holds the options of a Driver. The zero value is ready to use, and has the defaults of the npm package.
type Config struct {
	// MaxLen is about how many entries a stream keeps, the option maxLen. Older ones are removed whenever one is added,
	// by this node and by others, so give all of them the same. Default: 10,000.
	MaxLen int
	// SessionPrefix begins the keys of sessions of clients, the option sessionKeyPrefix. Default: "sio:session:".
	SessionPrefix string
	// MaxPayload is the size of the largest payload in bytes. Default: 8 MiB.
	MaxPayload int
	// CheckInterval is the time after which a session asks its server again whether it is still the primary. If there
	// is no answer for ten times as long, the session ends with broker.ErrSilent. Default: 1 second.
	CheckInterval time.Duration
}

// Driver is the bus of one cluster, on Redis streams. It is safe for concurrent use. Create it with New or
// NewWithConfig.
type Driver struct {
	config   Config
	channels *redisdriver.Driver // for what is published
	primary  *server.Primary
	adder    *broker.Publisher // adds to streams
	buffer   []byte            // for requests; only for the function that adder calls
	reads    *broker.Publisher // reads the log

	mu    sync.Mutex      // guards all below
	marks map[string]mark // by channel: what sessions have received of it
	seen  map[string]mark // by stream
}

// New returns a driver with the default options. client is a *redis.Client, also of redis.NewFailoverClient; with any
// other, Publish and Open return ErrClient. The driver does not close it. New does no I/O.
func New(client redis.UniversalClient) *Driver { return NewWithConfig(client, Config{}) }

// NewWithConfig returns a driver with options. It does no I/O.
func NewWithConfig(client redis.UniversalClient, config Config) *Driver {
	if config.MaxLen <= 0 {
		config.MaxLen = 10_000
	}
	if config.SessionPrefix == "" {
		config.SessionPrefix = "sio:session:"
	}
	if config.MaxPayload <= 0 {
		config.MaxPayload = 8 << 20
	}
	if config.CheckInterval <= 0 {
		config.CheckInterval = time.Second
	}
	d := &Driver{config: config, primary: server.New(client, ""), marks: make(map[string]mark),
		seen: make(map[string]mark)}
	d.channels = redisdriver.NewWithConfig(client, redisdriver.Config{RawNames: true, MaxPayload: config.MaxPayload,
		CheckInterval: config.CheckInterval})
	d.adder, d.reads = broker.NewPublisher(d.primary.Dialer()), broker.NewPublisher(d.primary.Dialer())
	return d
}

// Limits returns the limit of payloads. The names of channels may have any length.
func (d *Driver) Limits() transport.Limits { return transport.Limits{Payload: d.config.MaxPayload} }

// Close implements transport.Closer: it closes the connections that publish. Sessions continue until they are closed,
// and the client stays usable.
func (d *Driver) Close(ctx context.Context) error {
	return errors.Join(d.channels.Close(ctx), d.adder.Close(ctx), d.reads.Close(ctx))
}

// ListensToPrefixes implements transport.PrefixListener. A prefix is one of channels, not of streams.
func (d *Driver) ListensToPrefixes() bool { return true }

// Listeners implements transport.Counter. Nobody is known to read a stream, so that is an error for its channels.
func (d *Driver) Listeners(ctx context.Context, channels ...string) ([]int, error) {
	for _, channel := range channels {
		if _, _, ok := streamentry.Parse(channel); ok {
			return nil, fmt.Errorf("%w: %.80q", ErrNotCounted, channel)
		}
	}
	return d.channels.Listeners(ctx, channels...)
}

// checkClient returns the error of a client for which there is no driver.
func (d *Driver) checkClient() error {
	if d.primary.Sharded() {
		return ErrClient
	}
	return nil
}

// The errors of a driver. Those of package redisdriver, such as redisdriver.ErrDisconnected, are returned as well.
var (
	// ErrClient means that the driver cannot use the client.
	ErrClient = errors.New("streamsdriver: the client has to be a *redis.Client: a Redis Cluster is not supported")
	// ErrEntry means that the payload of a message for a stream has not the fields of an entry, as only the dialect
	// redisstreams writes them.
	ErrEntry = errors.New("streamsdriver: the payload is no entry of a stream: use the dialect redisstreams")
	// ErrNotCounted means that it is unknown how many sessions read a stream.
	ErrNotCounted = errors.New("streamsdriver: the readers of a stream cannot be counted")
	// ErrTooLarge means that a payload is larger than Config.MaxPayload.
	ErrTooLarge = redisdriver.ErrTooLarge
)
