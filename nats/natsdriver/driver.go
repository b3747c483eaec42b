// Package natsdriver connects a cluster over NATS, with the options of github.com/nats-io/nats.go. A Driver is its bus:
//
//	driver := natsdriver.New("nats://localhost:4222")
//
// # Delivery
//
// Messages are core NATS messages. The servers deliver them at most once, and without a log (backplane.Config.Log) they
// keep nothing: what is published while a session is broken is lost to it. Payloads may have any bytes, up to
// Config.MaxPayload.
//
// Publish returns when the server has processed the messages, which it confirms by answering a PING. In a NATS cluster
// of several servers, that server passes them on in its own time. So each connection of the driver has connections to
// all other servers, too, its witnesses: a marker that was published after the messages has to come to each of them.
// Listen waits for the same proof that all servers know of the subscription. Servers that do not answer any more are
// no witnesses; a server that is there but that messages do not reach makes Publish and Listen fail with ErrApart.
//
// # Log
//
// With a log, the messages that are kept go into a stream of JetStream, whose leader publishes them when it has stored
// them, so that their order is the same for all. Offsets are sequences of the stream. The latest message of each
// channel stays in the stream when it is trimmed. A new epoch begins when the stream was deleted or purged, and when a
// driver has seen messages that it has not any more. Sessions end when the stream has another leader (ErrLeader). The
// servers have to be NATS 2.11 or later.
//
// # Connections
//
// The driver opens its own connections: one to publish, and one for each session, with their witnesses. With a log, it
// opens another one to append, and up to four that read the log, and save and take sessions of clients. It takes
// servers, credentials, TLS, dialers and the name from the options, but not how to reconnect: nats.go reconnects and
// subscribes again by itself, and drops messages when a subscription is slow, so that nobody knows that messages are
// missing. A session of this driver ends with an error when its connection is lost (ErrDisconnected), when its server
// shuts down (ErrLameDuck), when the server does not answer (broker.ErrSilent), and when the session is read too slowly
// (broker.ErrOverflow). The cluster opens another session and reports the gap.
//
// # Files
//
//   - driver.go: Driver and its Config
//   - publish.go: publishing
//   - session.go: receiving
//   - names.go: the subjects of channels
//   - log.go, log_entry.go: appending to the log, and what an entry of it looks like
//   - log_session.go: receiving what was kept
//   - log_read.go, log_latest.go, log_head.go: reading the log
//   - log_trim.go: trimming and describing it
//   - log_stream.go, log_epoch.go: the stream, and its epochs
//   - sessions.go, sessions_stream.go, sessions_write.go, sessions_pieces.go: the sessions of clients
//   - jetstream.go: asking JetStream
//   - errors.go: what went wrong, and what to do
package natsdriver

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

var (
	_ transport.Bus    = (*Driver)(nil)
	_ transport.Closer = (*Driver)(nil)
)

// Config holds the options of a Driver. The zero value is ready to use.
type Config struct {
	// Prefix is the first part of all subjects: channel a has the subject backplane.a. Clusters and applications that
	// share an account choose different ones. It may have dots. The permission "backplane.*" allows it, to publish and
	// to subscribe. Characters that a subject must not have are written as %20 and the like. Default: "backplane".
	Prefix string
	// MaxPayload is the size of the largest payload in bytes. It must not exceed the max_payload of the servers.
	// The log needs 4 KiB more. Default: 1 MiB less 4 KiB; the default of max_payload is 1 MiB.
	MaxPayload int
	// CheckInterval is the time after which a session asks its server again whether it is still there. If ten questions
	// in a row have no answer, the session ends with broker.ErrSilent. Default: 1 second.
	CheckInterval time.Duration

	// Stream is the name of the stream of the log. Each prefix needs its own. It must have no dots, slashes, spaces and
	// wildcards. Default: that of Prefix with "_log" after it: "backplane_log".
	Stream string
	// Replicas is the number of servers that keep the stream, when PrepareLog creates it. PrepareLog fails if the
	// stream exists with another number. Default: 3 in a NATS cluster, which needs three servers with JetStream, and 1
	// on a single server. An existing stream is taken as it is then.
	Replicas int
}

// Driver is the bus of one cluster, on NATS. It is safe for concurrent use. Create it with New or NewWithConfig.
type Driver struct {
	config         Config
	prefix         string // of all subjects, with the dot at its end
	sessionsPrefix string // of the subjects of sessions, with the dot at its end
	sessionsStream string
	logPrefix      string // of the subjects of the log, with the dot at its end
	sessions       *server.Servers
	publisher      *broker.Publisher
	appender       *broker.Publisher // for Append
	readers        *broker.Pool      // for all that JetStream answers
	head           head
	ages           ages
}

// New returns a driver with the default options. servers is a URL such as nats://user:password@host:4222, or several
// with commas between them; the scheme is nats or tls. The options are those of nats.Connect. If one of them cannot be
// used, Publish and Open return ErrOptions. New does no I/O.
func New(servers string, options ...nats.Option) *Driver {
	return NewWithConfig(Config{}, servers, options...)
}

// NewWithConfig returns a driver with options of its own, too. It does no I/O.
func NewWithConfig(config Config, servers string, options ...nats.Option) *Driver {
	if config.Prefix == "" {
		config.Prefix = "backplane"
	}
	if config.MaxPayload <= 0 {
		config.MaxPayload = 1<<20 - logRoom
	}
	if config.CheckInterval <= 0 {
		config.CheckInterval = time.Second
	}
	d := &Driver{config: config, prefix: encodePrefix(config.Prefix)}
	d.logPrefix = d.prefix + "%log."
	name := strings.NewReplacer(".", "_", "/", "_").Replace(d.prefix) // no stream may have these
	d.sessionsPrefix, d.sessionsStream = d.prefix+"%sessions.", name+"sessions"
	if config.Stream == "" {
		d.config.Stream = name + "log"
	}
	d.sessions = d.connectTo(servers, options)
	d.publishTo(d.sessions)
	return d
}

func (d *Driver) publishTo(servers *server.Servers) {
	dialer := servers.Dialer()
	dialer.Hello = func(c *broker.Conn) error {
		go c.Conn.(*server.Link).Run(nil, nil) // until the publisher closes the connection; Err knows how it has ended
		return nil
	}
	d.publisher = broker.NewPublisher(dialer)
	appends, asks := servers.Dialer(), servers.Dialer()
	appends.Hello, asks.Hello = server.Asking(true), server.Asking(false)
	d.appender, d.readers = broker.NewPublisher(appends), broker.NewPool(asks, maxReaders)
}

func (d *Driver) connectTo(servers string, options []nats.Option) *server.Servers {
	return server.New(servers, options, server.Needs{
		Prefix: d.prefix, MaxPayload: d.config.MaxPayload, Interval: d.config.CheckInterval,
	})
}

// Limits returns the limit of payloads. The names of channels may have any length.
func (d *Driver) Limits() transport.Limits { return transport.Limits{Payload: d.config.MaxPayload} }

// Close implements transport.Closer: it closes the connection that publishes, and its witnesses. Sessions continue
// until they are closed.
func (d *Driver) Close(ctx context.Context) error {
	return errors.Join(d.publisher.Close(ctx), d.appender.Close(ctx), d.readers.Close(ctx))
}
