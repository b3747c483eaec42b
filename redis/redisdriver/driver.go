// Package redisdriver connects a cluster over Redis, with github.com/redis/go-redis/v9. A Driver is its bus:
//
//	driver := redisdriver.New(redis.NewClient(&redis.Options{Addr: "localhost:6379"}))
//
// The client may be one for a single server, for Sentinel or for a Redis Cluster. The server has to be Redis 6.2 or
// later, or Valkey; a Redis Cluster has to be Redis 7 or later.
//
// # Delivery
//
// Messages are sent with PUBLISH, on a Redis Cluster with SPUBLISH. Redis delivers them at most once, and without a log
// (backplane.Config.Log) it keeps nothing: what is published while a session is broken is lost to it. Payloads may have
// any bytes, up to Config.MaxPayload. A server that replaces another one after a failure has none of the subscriptions
// of the old one, so sessions end.
//
// On a Redis Cluster the names of all channels have the same hash tag. So one node of the cluster has all messages,
// which keeps their order, and a backplane cluster is as fast as that node. Other prefixes are on other nodes.
//
// # Log
//
// With a log, one script keeps messages in a stream for each channel and publishes them, so that their order is the
// same for all. Offsets count the messages of a channel without holes. The log is in the memory of the server, and as
// durable as that. A new epoch begins whenever the server may have lost messages that it had accepted: when it has
// another replication id (master_replid) than when it kept them, as after a restart, a failover or a restored backup,
// and when its keys are gone, as after FLUSHALL. Streams that were evicted, or trimmed by somebody else, are noticed
// when they are read: transport.ErrTrimmed.
//
// Reading the log, and saving and taking sessions of clients, use up to four more connections, which are opened when
// they are needed.
//
// # Connections
//
// The driver opens its own connections, with the address, dialer, TLS, user, password and name of the client: one to
// publish, and one for each session. It does not use the client's pool, its hooks, retries and OnConnect, and always
// speaks version 3 of the protocol. go-redis' own subscriptions reconnect by themselves, so that nobody knows that
// messages are missing. A session of this driver ends with an error when its connection is lost (ErrDisconnected), when
// its server has become a replica (ErrReplica) or does not serve the channels any more (ErrMoved), and when it does not
// answer (broker.ErrSilent). The cluster opens another session and reports the gap.
//
// Publish returns ErrReplica if its messages have reached a replica, where only the sessions of that replica would
// hear them, and follows a Redis Cluster to the node that serves the channels. Nothing is sent twice.
//
// # Files
//
//   - driver.go: Driver and its Config
//   - publish.go: publishing
//   - session.go: receiving
//   - shards.go: publishing to the nodes of a Redis Cluster on which channels are
//   - shardsession.go, shardconn.go: receiving from them
//   - names.go: the names of channels on the server
//   - log.go: appending to the log
//   - log_session.go: the positions of received messages
//   - log_read.go: reading and trimming the log
//   - sessions.go: the sessions of clients
//   - prepare.go: whether the log and sessions can be used
//   - readers.go: connections for all but publishing and receiving
//   - scripts.go, scripts: what the server runs
//   - listeners.go: counting who listens
//   - errors.go: what went wrong, and what to do
package redisdriver

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

var (
	_ transport.Bus            = (*Driver)(nil)
	_ transport.Closer         = (*Driver)(nil)
	_ transport.Counter        = (*Driver)(nil)
	_ transport.PrefixListener = (*Driver)(nil)
)

// Config holds the options of a Driver. The zero value is ready to use.
type Config struct {
	// Prefix is the first part of the names of all channels and keys, in braces: channel a is {backplane}a, and the
	// keys of the log and of sessions begin with {backplane}log and {backplane}sessions. Clusters and applications that
	// share a server choose different ones. An ACL allows it with "&{backplane}*", and "~{backplane}*" for keys. A
	// brace or percent sign in it is written as %7B, %7D or %25. Default: "backplane".
	Prefix string
	// RawNames leaves the names of channels as they are, without Prefix, as other programs know them: with
	// redisclassic.Dialect, Node.js's servers. Use no other dialect with it on a server with other applications. There
	// is no log then. On a Redis Cluster, messages are then sent with PUBLISH, which passes them on to all of its
	// nodes, unless Sharded is set.
	RawNames bool
	// Sharded uses sharded channels (SPUBLISH) on a single server, too: with RawNames and redissharded.Dialect, those
	// of Node.js's servers with createShardedAdapter. The server has to be Redis 7 or later. On a Redis Cluster, each
	// channel with a raw name is on the node of its own slot, so messages keep their order only within a channel, and a
	// session has a connection to each node that has one of its channels.
	Sharded bool
	// MaxPayload is the size of the largest payload in bytes. The server disconnects a client for which more waits than
	// its client-output-buffer-limit for pubsub allows, 32 MiB by default, so keep MaxPayload well below that. Default:
	// 8 MiB.
	MaxPayload int
	// CheckInterval is the time after which a session asks its server again whether it is still the primary. If ten
	// questions in a row have no answer, the session ends with broker.ErrSilent. Default: 1 second.
	CheckInterval time.Duration
}

// Driver is the bus of one cluster, on Redis. It is safe for concurrent use. Create it with New or NewWithConfig.
type Driver struct {
	config    Config
	key       string // on a Redis Cluster, the node of its slot is the one to connect to
	names     names
	sharded   bool            // messages are sent with SPUBLISH
	oneSlot   bool            // the prefix of all names puts them into one slot of a Redis Cluster
	shards    *server.Shards  // not nil: each channel is on the node of its own slot
	sessions  *server.Primary // for sessions
	primary   *server.Primary // for the publisher; only tests connect it in another way than sessions
	publisher *broker.Publisher
	readers   *broker.Pool
	nodes     nodes
	buffer    []byte // for requests; only for the function that publisher calls
}

// New returns a driver with the default options. client is a *redis.Client, also of redis.NewFailoverClient, or a
// *redis.ClusterClient; with any other, Publish and Open return ErrClient. The driver does not close it. New does no
// I/O.
func New(client redis.UniversalClient) *Driver { return NewWithConfig(client, Config{}) }

// NewWithConfig returns a driver with options. It does no I/O.
func NewWithConfig(client redis.UniversalClient, config Config) *Driver {
	if config.Prefix == "" {
		config.Prefix = "backplane"
	}
	if config.MaxPayload <= 0 {
		config.MaxPayload = 8 << 20
	}
	escaped := strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D").Replace(config.Prefix)
	d := &Driver{config: config, key: "{" + escaped + "}"}
	if !config.RawNames {
		d.names.prefix = d.key
	}
	d.sessions = server.New(client, d.key)
	d.oneSlot = d.sessions.Sharded() && !config.RawNames
	d.sharded = d.oneSlot || config.Sharded
	if config.RawNames && config.Sharded {
		d.shards = server.NewShards(client)
	}
	d.publishTo(d.sessions)
	return d
}

func (d *Driver) publishTo(p *server.Primary) {
	d.primary, d.publisher = p, broker.NewPublisher(p.Dialer())
	d.readers = broker.NewPool(p.Dialer(), maxReaders)
}

// Limits returns the limit of payloads. The names of channels may have any length.
func (d *Driver) Limits() transport.Limits { return transport.Limits{Payload: d.config.MaxPayload} }

// Close implements transport.Closer: it closes the connection that publishes. Sessions continue until they are closed,
// and the client stays usable.
func (d *Driver) Close(ctx context.Context) error {
	return errors.Join(d.publisher.Close(ctx), d.readers.Close(ctx), d.nodes.close(ctx))
}

// command returns the name of a command of publish/subscribe, which differs on a Redis Cluster.
func (d *Driver) command(name string) string {
	if d.sharded {
		return "S" + name
	}
	return name
}
