package emitter

import (
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/internal/wire"
)

// Publisher is the part of a transport.Bus that publishes: Publish and Limits.
type Publisher = wire.Publisher

// Store is the part of a storage.Store that writes: Put. If it also has the PutAll method of storage.Batch,
// batches use that method.
type Store = wire.Store

// Transaction is a Publisher that sends when a transaction of the caller commits, such as those of InTx in the
// Postgres drivers. The emitter makes every message differ, because PostgreSQL merges equal messages of a
// transaction. The emitter makes one call at a time, and no call after a failed one. Only the caller's context
// bounds a call.
type Transaction interface {
	Publisher
	// Transactional marks a Publisher as a Transaction. It does nothing.
	Transactional()
}

// Config configures an Emitter. Only Bus is required; the zero value of any other field stands for its default.
// If a field has a counterpart in Node.js's Postgres emitter, its comment names the counterpart, which has the
// same meaning.
type Config struct {
	// Bus carries the messages. The emitter does not close it.
	Bus Publisher
	// Store keeps the payloads that Bus cannot carry. Default: Bus, if it is a Store too, as the Postgres
	// drivers are. Otherwise there is no store, and sending a message that is too large for the bus is an
	// error. The drivers create their table in Prepare, which every node calls and the emitter does not.
	Store Store
	// Log makes the log of the cluster keep what the emitter sends, as it keeps what nodes send: everything but
	// volatile events. It is for clusters that have a log (core.Config.Log). The bus must be a transport.Appender, as
	// the drivers, memory.Hub and the transactions of the drivers are. In a transaction, messages wait in the outbox of
	// the log after the commit, until a node moves them: see postgres.Tx.Append. Nil: nothing is kept.
	Log *LogConfig
	// Codec encodes messages. It must be the cluster's. Default: jsonmsgpack.Codec, which Node.js understands.
	Codec codec.Codec
	// Dialect is the wire format of the cluster. Default: standard.Dialect, that of Node.js's
	// @socket.io/postgres-adapter. In legacy.Dialect, that of socket.io-adapter-postgres, only Emit has a message; all
	// else returns an *UnsupportedError.
	Dialect dialect.Dialect
	// ChannelPrefix starts the name of every channel (Node.js: channelPrefix). It must be the cluster's. Default:
	// "socket.io".
	ChannelPrefix string
	// PayloadThreshold is the size in bytes from which on an encoded message goes to the store (Node.js:
	// payloadThreshold). Capped at the bus's limit. Default: the bus's limit; on Postgres that is 8000, the first
	// size that NOTIFY refuses.
	PayloadThreshold int
	// MaxMessageBytes bounds the size in bytes of an encoded message, including its attachment. A larger
	// message is refused with a TooLargeError. Use the limit of the cluster, because nodes drop messages that
	// exceed it. Default: 16 MiB.
	MaxMessageBytes int
	// Secret signs every message and attachment with HMAC-SHA256. It must be the cluster's: core.Config.Secret.
	// Default: none; nothing is signed.
	Secret []byte
	// Namespace is the namespace to which the emitter sends; Of selects another one (Node.js: nsp). Default: "/".
	Namespace string
	// PublishTimeout bounds how long the store may take for the attachment of a message, and then how long the
	// bus may take for the message. The caller's context bounds both too. In a Transaction, only the caller's
	// context bounds them. Default: 5 s.
	PublishTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.Store == nil {
		c.Store, _ = c.Bus.(Store)
	}
	if c.Dialect == nil {
		c.Dialect = standard.Dialect{}
	}
	c.Log = c.Log.withDefaults()
	if c.ChannelPrefix == "" {
		c.ChannelPrefix = "socket.io"
	}
	if c.MaxMessageBytes == 0 {
		c.MaxMessageBytes = 16 << 20
	}
	if c.PublishTimeout == 0 {
		c.PublishTimeout = 5 * time.Second
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Bus == nil:
		return &ConfigError{Field: "Bus",
			Reason: "is required: for example pgxdriver.New(pool), pqdriver.New(db, dsn) or memory.NewHub()"}
	case c.PayloadThreshold < 0:
		return &ConfigError{Field: "PayloadThreshold", Reason: "is negative"}
	case c.MaxMessageBytes < 0:
		return &ConfigError{Field: "MaxMessageBytes", Reason: "is negative"}
	case c.PublishTimeout < 0:
		return &ConfigError{Field: "PublishTimeout", Reason: "is negative"}
	}
	if err := c.Log.validate(c); err != nil {
		return err
	}
	return wire.CheckSecrets(c.Secret, nil)
}
