package core

import (
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Config configures a Cluster. Only Bus is required; the zero value of every other field means its default. Fields
// that have a counterpart in Node.js's Postgres adapter mean the same and name it.
type Config struct {
	// Bus carries the messages. Close closes it if it is a transport.Closer.
	Bus transport.Bus
	// Store keeps the payloads that Bus cannot carry. Default: Bus, if it is a storage.Store too, as the Postgres
	// drivers are. Otherwise there is none, and a message that is too large for the bus is an error.
	Store storage.Store
	// Codec encodes messages. All nodes use the same. Default: jsonmsgpack.Codec, which Node.js understands.
	Codec codec.Codec

	// Secret signs every message and attachment with HMAC-SHA256. The node drops whatever is not signed with Secret
	// or PreviousSecret (DropUnsigned), so a process that may publish but does not know the secret cannot be a peer.
	// A secret has at least 16 bytes, best 32 random ones, and is the same in all nodes and emitters. Node.js and the
	// SQL functions cannot sign, so clusters with them cannot use it. Default: none; nothing is signed. See
	// SECURITY.md.
	Secret []byte
	// PreviousSecret is accepted too, so that Secret can be replaced while the cluster runs. Default: none.
	PreviousSecret []byte

	// UID identifies this process in every namespace (Node.js: uid). It must be unique in the cluster. Default: 16
	// random hexadecimal digits for each namespace.
	UID string
	// ChannelPrefix starts the name of every channel: "<prefix>#<namespace>" (Node.js: channelPrefix). Default:
	// "socket.io".
	ChannelPrefix string
	// PayloadThreshold is the size in bytes from which on an encoded message goes to the store (Node.js:
	// payloadThreshold). Capped at the bus's limit. Default: the bus's limit; on Postgres that is 8000, the first
	// size that NOTIFY refuses.
	PayloadThreshold int
	// MaxMessageBytes bounds the size in bytes of an encoded message, including its attachment. A larger message is
	// refused with a TooLargeError where it is sent. A larger message that is received is dropped and reported
	// (DropTooLarge); it is not read from the store if the store can tell its size (storage.Sizer). All nodes should
	// use the same. Default: 16 MiB.
	MaxMessageBytes int

	// RequestTimeout bounds requests without a timeout of their own (Node.js: requestsTimeout). Default: 5 s.
	RequestTimeout time.Duration
	// HeartbeatInterval is how often the process sends a heartbeat for all of its namespaces. It is also how long the
	// node may be silent in a namespace before it sends a heartbeat there, if a peer needs one, as Node.js nodes do
	// (Node.js: heartbeatInterval). If a heartbeat does not come back, and nothing else arrives, before the next one
	// is due, the session is given up. Default: 5 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is how long a peer may be silent before it counts as gone (Node.js: heartbeatTimeout).
	// Default: 10 s.
	HeartbeatTimeout time.Duration
	// CleanupInterval is how often old attachments are removed (Node.js: cleanupInterval). Default: 30 s.
	CleanupInterval time.Duration
	// AttachmentAge is how old an attachment must be to be removed. (Node.js uses CleanupInterval for this too, so
	// nodes that are slower than that lose attachments.) Default: twice CleanupInterval.
	AttachmentAge time.Duration
	// PublishTimeout bounds how long the bus may take for a message that has left the queue and, before that, how
	// long the store may take for its attachment. It also bounds Start, and every other call of the bus or the store:
	// a connection that does not answer is given up after it. Default: 5 s.
	PublishTimeout time.Duration
	// MinBackoff and MaxBackoff bound the wait before a lost session is opened again. The wait doubles from one
	// attempt to the next and is shortened by up to half at random, so that not all nodes reconnect at the same time.
	// Default: 100 ms and 5 s.
	MinBackoff, MaxBackoff time.Duration

	// PublishQueue bounds how many messages wait to be published. The same number may wait for the store or, in the
	// same namespace, behind a message that waits for the store. Above the bound, EmitAsync drops and Emit waits.
	// Default: 8192.
	PublishQueue int
	// PublishQueueBytes bounds the bytes of encoded messages in each of the two. Default: 64 MiB.
	PublishQueueBytes int
	// ReceiveQueue bounds, for each namespace, how many received messages wait for LocalSockets. Messages above the
	// bound are dropped and reported (DropSlow), so that a slow namespace delays neither the others nor the bus.
	// Default: 16384.
	ReceiveQueue int
	// ReceiveQueueBytes bounds the bytes of these messages, as received. Attachments are read ahead; they may take a
	// quarter of what the waiting messages leave. The attachment of the next message is always read, and released
	// when the message was handled. Default: 64 MiB.
	ReceiveQueueBytes int
	// MaxPeers bounds how many peers a namespace tracks. Above the bound, peers that have not answered this node yet
	// make room. Default: 4096.
	MaxPeers int
	// MaxRequestRate bounds the cost per second of one peer's requests to this node in a namespace. A request costs
	// 1, plus 1 for each socket that its answer describes or that is asked for an acknowledgement. A peer can save up
	// two seconds' worth. Peers that have not answered this node yet share a fifth of the rate. Requests above the
	// bound are refused (DropRate, ErrRefused). Default: 50000.
	MaxRequestRate int
	// MaxPendingRequests bounds how many of one peer's requests for acknowledgements wait for clients of this node,
	// in a namespace. Requests above the bound are refused (DropRate, ErrRefused). Default: 16384.
	MaxPendingRequests int
	// MaxAnswerBytes bounds the bytes of all answers to one request of this node. An answer above the bound is
	// dropped, and its node is Missing (ErrAnswersTooLarge). Default: 64 MiB.
	MaxAnswerBytes int

	// ErrorHandler is called with every error that no caller receives: GapError, DropError, OpError (Node.js:
	// errorHandler). It must not block, because the cluster waits for it. Default: none. The errors are logged either
	// way.
	ErrorHandler func(error)
	// Logger logs errors as warnings, and what the cluster does as debug messages. Default: discards.
	Logger *slog.Logger
	// Trace is called when something happens. Cluster.SetTrace can replace it later. Default: none.
	Trace Trace
}

func (c Config) withDefaults() Config {
	if c.Store == nil {
		c.Store, _ = c.Bus.(storage.Store)
	}
	if c.Codec == nil {
		c.Codec = jsonmsgpack.Codec{}
	}
	if c.ChannelPrefix == "" {
		c.ChannelPrefix = "socket.io"
	}
	defaultTo(&c.MaxMessageBytes, 16<<20)
	defaultTo(&c.RequestTimeout, 5*time.Second)
	defaultTo(&c.HeartbeatInterval, 5*time.Second)
	defaultTo(&c.HeartbeatTimeout, 10*time.Second)
	defaultTo(&c.CleanupInterval, 30*time.Second)
	defaultTo(&c.AttachmentAge, 2*c.CleanupInterval)
	defaultTo(&c.PublishTimeout, 5*time.Second)
	defaultTo(&c.MinBackoff, 100*time.Millisecond)
	defaultTo(&c.MaxBackoff, max(5*time.Second, c.MinBackoff))
	defaultTo(&c.PublishQueue, 8192)
	defaultTo(&c.PublishQueueBytes, 64<<20)
	defaultTo(&c.ReceiveQueue, 16384)
	defaultTo(&c.ReceiveQueueBytes, 64<<20)
	defaultTo(&c.MaxPeers, 4096)
	defaultTo(&c.MaxRequestRate, 50000)
	defaultTo(&c.MaxPendingRequests, 16384)
	defaultTo(&c.MaxAnswerBytes, 64<<20)
	c.Logger = guard.Logger(c.Logger)
	return c
}

func defaultTo[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func (c Config) validate() error {
	if c.Bus == nil {
		return &ConfigError{Field: "Bus",
			Reason: "is required: for example pgxdriver.New(pool), pqdriver.New(db, dsn) or memory.NewHub()"}
	}
	if err := wire.CheckPrefix(c.ChannelPrefix, c.Bus.Limits()); err != nil {
		return err
	}
	if err := wire.CheckSecrets(c.Secret, c.PreviousSecret); err != nil {
		return err
	}
	switch {
	case c.UID == codec.EmitterUID:
		return &ConfigError{Field: "UID", Reason: `"emitter" is reserved for processes outside the cluster`}
	case !utf8.ValidString(c.UID):
		return &ConfigError{Field: "UID", Reason: "is not valid UTF-8: the node would not recognize its own messages"}
	case len(c.UID) > maxUID:
		return &ConfigError{Field: "UID",
			Reason: fmt.Sprintf("has %d bytes, at most %d are allowed", len(c.UID), maxUID)}
	case c.PayloadThreshold < 0:
		return &ConfigError{Field: "PayloadThreshold", Reason: "is negative"}
	case c.HeartbeatTimeout < c.HeartbeatInterval:
		return &ConfigError{Field: "HeartbeatTimeout",
			Reason: fmt.Sprintf("%v is less than the heartbeat interval of %v: every peer would seem to have left",
				c.HeartbeatTimeout, c.HeartbeatInterval)}
	case c.MaxBackoff < c.MinBackoff:
		return &ConfigError{Field: "MaxBackoff",
			Reason: fmt.Sprintf("%v is less than MinBackoff, %v", c.MaxBackoff, c.MinBackoff)}
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"MaxMessageBytes", int64(c.MaxMessageBytes)},
		{"RequestTimeout", int64(c.RequestTimeout)}, {"HeartbeatInterval", int64(c.HeartbeatInterval)},
		{"CleanupInterval", int64(c.CleanupInterval)}, {"AttachmentAge", int64(c.AttachmentAge)},
		{"PublishTimeout", int64(c.PublishTimeout)}, {"MinBackoff", int64(c.MinBackoff)},
		{"PublishQueue", int64(c.PublishQueue)}, {"PublishQueueBytes", int64(c.PublishQueueBytes)},
		{"ReceiveQueue", int64(c.ReceiveQueue)}, {"ReceiveQueueBytes", int64(c.ReceiveQueueBytes)},
		{"MaxPeers", int64(c.MaxPeers)}, {"MaxRequestRate", int64(c.MaxRequestRate)},
		{"MaxPendingRequests", int64(c.MaxPendingRequests)}, {"MaxAnswerBytes", int64(c.MaxAnswerBytes)},
	} {
		if f.value < 0 {
			return &ConfigError{Field: f.name, Reason: "is negative"}
		}
	}
	return nil
}

// maxUID is the most bytes that the uid of a node may have. Socket.IO's have 16.
const maxUID = 128
