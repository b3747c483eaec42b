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

// Config configures a Cluster. Only Bus is required; the zero value of every other field is its default. Where a
// field has a counterpart in Node.js's Postgres adapter it means the same, and the counterpart is named.
type Config struct {
	// Bus carries the messages. The cluster closes it (transport.Closer) when it is closed.
	Bus transport.Bus
	// Store takes the payloads that Bus cannot carry. Default: Bus, if it is a storage.Store too, as the Postgres
	// drivers are; else none, and what is too large is an error.
	Store storage.Store
	// Codec turns messages into bytes. All nodes use the same. Default: jsonmsgpack.Codec, which Node.js understands.
	Codec codec.Codec

	// Secret signs every message and attachment with HMAC-SHA256, and only what was signed with it, or with
	// PreviousSecret, is read; the rest is dropped (DropUnsigned). Whoever does not know it is no peer, even if he
	// may publish. It has at least 16 bytes, best 32 random ones, and is the same in all nodes and emitters. It is
	// for clusters without Node.js and without the SQL functions, which cannot sign. Default: none, and nothing is
	// signed. See SECURITY.md.
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
	// payloadThreshold). More than the bus can carry is as that. Default: what the bus can carry; on Postgres that
	// is 8000, the first size that its NOTIFY refuses.
	PayloadThreshold int
	// MaxMessageBytes bounds the size in bytes of an encoded message, with its attachment. A larger one is refused
	// with a TooLargeError where it is sent; where one is received, it is dropped and reported (DropTooLarge),
	// without being read from a store that can tell its size (storage.Sizer). All nodes should use the same. Default:
	// 16 MiB.
	MaxMessageBytes int

	// RequestTimeout bounds every request that sets no timeout of its own (Node.js: requestsTimeout). Default: 5 s.
	RequestTimeout time.Duration
	// HeartbeatInterval is how often the process gives a sign of life for all of its namespaces, and after how much
	// silence of its own it gives one in a namespace with a peer that does not know of that, such as a Node.js node
	// (Node.js: heartbeatInterval). When that does not come back, and nothing else does, before the next is due, the
	// session is given up. Default: 5 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is after how much silence a peer counts as gone (Node.js: heartbeatTimeout). Default: 10 s.
	HeartbeatTimeout time.Duration
	// CleanupInterval is how often expired attachments are removed (Node.js: cleanupInterval). Default: 30 s.
	CleanupInterval time.Duration
	// AttachmentAge is how old an attachment has to be to be removed. Node.js removes at CleanupInterval, which
	// takes attachments from nodes that are that slow. Default: twice CleanupInterval.
	AttachmentAge time.Duration
	// PublishTimeout bounds how long the bus may take for a message that has left the queue and, before that, how
	// long the store may take for its attachment. It also bounds Start, and each other call of the bus or the store;
	// a connection that swallows bytes is given up after it. Default: 5 s.
	PublishTimeout time.Duration
	// MinBackoff and MaxBackoff bound the wait before a lost session is opened again. It doubles from one attempt to
	// the next and is shortened by up to half at random, so that nodes do not come back all at once. Default: 100 ms
	// and 5 s.
	MinBackoff, MaxBackoff time.Duration

	// PublishQueue bounds how many messages wait to be published, and how many wait for the store or, in the same
	// namespace, behind such a message. EmitAsync drops above it, Emit waits. Default: 8192.
	PublishQueue int
	// PublishQueueBytes bounds the same in bytes of encoded messages, of each of the two. Default: 64 MiB.
	PublishQueueBytes int
	// ReceiveQueue bounds, for each namespace, how many received messages wait for its Local. What comes above it is
	// dropped and reported (DropSlow), so that one slow namespace holds up neither the others nor the bus. Default:
	// 16384.
	ReceiveQueue int
	// ReceiveQueueBytes bounds the same in bytes as received. Attachments are read ahead, up to a quarter of what the
	// waiting messages leave of it; one is read whatever it leaves, when its message's turn has come, and let go when
	// that is handled. Default: 64 MiB.
	ReceiveQueueBytes int
	// MaxPeers bounds how many peers a namespace keeps track of. Above it, who has not yet proven to be alive makes
	// room. Default: 4096.
	MaxPeers int
	// MaxRequestRate bounds what the requests of one peer may cost this node in a namespace, for each second: a
	// request counts 1, and 1 more for each socket that its answer tells of, or that is asked for an acknowledgement.
	// A peer may save up two seconds' worth. Peers that have not yet proven to be alive share a fifth of the rate.
	// Requests above it are refused (DropRate, ErrRefused). Default: 50000.
	MaxRequestRate int
	// MaxPendingRequests bounds how many requests of one peer for acknowledgements wait for clients of this node, in a
	// namespace. Requests above it are refused (DropRate, ErrRefused). Default: 16384.
	MaxPendingRequests int
	// MaxAnswerBytes bounds the answers to one request of this node, in bytes. What comes above it is dropped, and
	// its node Missing (ErrAnswersTooLarge). Default: 64 MiB.
	MaxAnswerBytes int

	// ErrorHandler is told every error that no caller is there to receive: GapError, DropError, OpError (Node.js:
	// errorHandler). It must not block: whoever has found the error waits for it. Default: none; the errors are logged
	// either way.
	ErrorHandler func(error)
	// Logger gets errors as warnings and what the cluster does as debug messages. Default: discards.
	Logger *slog.Logger
	// Trace is called as things happen. Cluster.SetTrace can replace it later. Default: none.
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
		return &ConfigError{Field: "UID", Reason: "is not valid UTF-8: the node would not recognise its own messages"}
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

// maxUID is the most bytes that a node's uid may have. Socket.IO's have 16.
const maxUID = 128
