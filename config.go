package backplane

import (
	"log/slog"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Config configures a Cluster. Only Bus is required; the zero value of every other field is its default. A field that
// has a counterpart in Node.js's Postgres adapter means the same, and its comment names the counterpart.
type Config struct {
	// Bus carries the messages. Cluster.Close closes it, if it is a transport.Closer.
	Bus transport.Bus
	// Store keeps the payloads that Bus cannot carry. Default: Bus, if it is a storage.Store too, as the PostgreSQL
	// drivers are. Otherwise there is none, and a payload that is too large is an error.
	Store storage.Store
	// Codec encodes the messages. All nodes use the same. Default: jsonmsgpack.Codec, which Node.js understands.
	Codec codec.Codec
	// Dialect is the wire format of the cluster. All nodes use the same. Default: standard.Dialect, that of Node.js's
	// @socket.io/postgres-adapter. legacy.Dialect joins a cluster of Socket.IO 2 with socket.io-adapter-postgres; it
	// uses neither Store nor Codec nor Secret. Operations for which a dialect has no message return an
	// *UnsupportedError; docs/reference/dialects.md lists them.
	Dialect dialect.Dialect

	// Log makes the nodes miss nothing: the bus keeps messages for a while, so that a node that was deaf gets what it
	// has missed, and clients can be recovered on any node. The bus must be a transport.Log, as the drivers for
	// PostgreSQL and Redis and memory.Hub are. All nodes need it. Default: none, and nothing is kept.
	Log *LogConfig

	// Secret signs every message and attachment with HMAC-SHA256. The node reads only what was signed with it, or
	// with PreviousSecret, and drops the rest (DropUnsigned). Whoever does not know it cannot be a peer, even with
	// access to the bus. It has at least 16 bytes, better 32 random ones, and is the same in all nodes and emitters.
	// It is for clusters without Node.js and without the SQL functions, which cannot sign. Default: none, and nothing
	// is signed. See SECURITY.md.
	Secret []byte
	// PreviousSecret is accepted too, so that Secret can be replaced while the cluster runs. Default: none.
	PreviousSecret []byte

	// UID identifies this process in every namespace (Node.js: uid). It must be unique in the cluster. Default: 16
	// random hexadecimal digits for each namespace.
	UID string
	// ChannelPrefix is the first part of the name of every channel, "<prefix>#<namespace>" (Node.js: channelPrefix).
	// Default: "socket.io".
	ChannelPrefix string
	// PayloadThreshold is the size in bytes from which an encoded message goes to the store (Node.js:
	// payloadThreshold). It is capped at the bus's limit. Default: that limit; on PostgreSQL 8000, the first size
	// that NOTIFY refuses.
	PayloadThreshold int
	// MaxMessageBytes is the maximum size in bytes of an encoded message with its attachment. Sending a larger one
	// returns a *TooLargeError. A larger one that is received is dropped and reported (DropTooLarge); it is not even
	// read from a store that can tell its size (storage.Sizer). All nodes should use the same value. Default: 16 MiB.
	MaxMessageBytes int

	// RequestTimeout limits every request that sets no timeout (Node.js: requestsTimeout). Default: 5 s.
	RequestTimeout time.Duration
	// HeartbeatInterval is the time between the heartbeats that the process sends for all of its namespaces. It is
	// also how long the node may be silent in a namespace with a peer that does not know these, such as a Node.js
	// node, before it sends a heartbeat there (Node.js: heartbeatInterval). If neither the heartbeat nor anything
	// else comes back before the next one is due, the session is closed and replaced. Default: 5 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is how long a peer may be silent before it is considered gone (Node.js: heartbeatTimeout). It
	// is not less than HeartbeatInterval. Default: 10 s.
	HeartbeatTimeout time.Duration
	// CleanupInterval is the time between removals of expired attachments (Node.js: cleanupInterval). Default: 30 s.
	CleanupInterval time.Duration
	// AttachmentAge is the age at which an attachment is removed. Node.js removes at CleanupInterval, which takes
	// attachments from slower nodes. Default: twice CleanupInterval, or twice Log.MaxAge if that is longer.
	AttachmentAge time.Duration
	// PublishTimeout limits how long the bus may take for a message that has left the queue and, before that, how
	// long the store may take for its attachment. It also limits Open, and each other call of the bus or the store. A
	// connection that does not answer is closed after this time. Default: 5 s.
	PublishTimeout time.Duration
	// MinBackoff and MaxBackoff limit the wait before a lost session is opened again. The wait doubles from one
	// attempt to the next and is shortened at random by up to half, so that nodes do not return all at once. Default:
	// 100 ms and 5 s.
	MinBackoff, MaxBackoff time.Duration

	// PublishQueue is how many messages may wait to be published, and how many may wait for the store or, in the same
	// namespace, behind such a message. Above it EmitAsync drops, and Emit waits. Default: 8192.
	PublishQueue int
	// PublishQueueBytes is the same in bytes of encoded messages. Default: 64 MiB.
	PublishQueueBytes int
	// ReceiveQueue is how many received messages may wait for the LocalSockets of each namespace. Further ones are
	// dropped and reported (DropSlow), so that a slow namespace delays neither the others nor the bus. Default:
	// 16384.
	ReceiveQueue int
	// ReceiveQueueBytes is the same in bytes as received. Attachments are read ahead, up to a quarter of what the
	// waiting messages leave of it. One attachment is always read when its message is next, and released when that is
	// handled. Default: 64 MiB.
	ReceiveQueueBytes int
	// MaxPeers is how many peers a namespace keeps track of. Above it, an unverified peer makes room. Default: 4096.
	MaxPeers int
	// MaxRequestRate limits what the requests of one peer may cost this node in a namespace per second: 1 for each
	// request, and 1 for each socket that its answer describes or that is asked for an acknowledgement. A peer may
	// save up two seconds' worth. Unverified peers share a fifth of the rate. Requests above it are refused
	// (DropRate, ErrRefused). Default: 50000.
	MaxRequestRate int
	// MaxPendingRequests is how many requests of one peer may wait for acknowledgements of clients of this node, in a
	// namespace. Further ones are refused (DropRate, ErrRefused). Default: 16384.
	MaxPendingRequests int
	// MaxAnswerBytes is the maximum size in bytes of the answers to one request of this node. Further answers are
	// dropped, and their nodes are Missing (ErrAnswersTooLarge). Default: 64 MiB.
	MaxAnswerBytes int

	// ErrorHandler receives every error that no caller can receive: GapError, DropError, OpError (Node.js:
	// errorHandler). It must not block, because the cluster waits for it. Default: none; the errors are logged in any
	// case.
	ErrorHandler func(error)
	// Logger gets what happens: changes of the cluster as information, losses as warnings, and what somebody has to
	// act on as errors. docs/reference/logs.md lists all messages. What may happen often is limited to one record per
	// second, with the number of those suppressed. Default: discards.
	Logger *slog.Logger
	// Trace has functions that are called as things happen. Cluster.SetTrace can replace it later. Default: none.
	Trace Trace
}

// core returns the same configuration for package core. A test compares the fields.
func (c Config) core() core.Config {
	return core.Config{
		Bus: c.Bus, Store: c.Store, Codec: c.Codec, Dialect: c.Dialect, Log: c.Log,
		Secret: c.Secret, PreviousSecret: c.PreviousSecret, UID: c.UID, ChannelPrefix: c.ChannelPrefix,
		PayloadThreshold: c.PayloadThreshold, MaxMessageBytes: c.MaxMessageBytes,
		RequestTimeout: c.RequestTimeout, HeartbeatInterval: c.HeartbeatInterval, HeartbeatTimeout: c.HeartbeatTimeout,
		CleanupInterval: c.CleanupInterval, AttachmentAge: c.AttachmentAge, PublishTimeout: c.PublishTimeout,
		MinBackoff: c.MinBackoff, MaxBackoff: c.MaxBackoff,
		PublishQueue: c.PublishQueue, PublishQueueBytes: c.PublishQueueBytes,
		ReceiveQueue: c.ReceiveQueue, ReceiveQueueBytes: c.ReceiveQueueBytes,
		MaxPeers: c.MaxPeers, MaxRequestRate: c.MaxRequestRate, MaxPendingRequests: c.MaxPendingRequests,
		MaxAnswerBytes: c.MaxAnswerBytes, ErrorHandler: c.ErrorHandler, Logger: c.Logger, Trace: core.Trace(c.Trace),
	}
}
