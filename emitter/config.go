package emitter

import (
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/internal/wire"
)

// Publisher is the part of a transport.Bus that sends: Publish and Limits.
type Publisher = wire.Publisher

// Store is the part of a storage.Store that sends: Put. If it has storage.Batch's PutAll too, that is used for batches.
type Store = wire.Store

// Transaction is implemented by a Publisher that sends when a transaction of the caller's commits, as those of InTx
// in the Postgres drivers do. Since PostgreSQL merges equal messages of a transaction, the emitter makes each of them
// differ; it makes one call at a time, and none after one that failed; and only the caller's context bounds a call.
type Transaction interface {
	Publisher
	// Transactional does nothing.
	Transactional()
}

// Config configures an Emitter. Only Bus is required; the zero value of every other field is its default. Where a field
// has a counterpart in Node.js's Postgres emitter it means the same, and the counterpart is named.
type Config struct {
	// Bus carries the messages. The emitter does not close it.
	Bus Publisher
	// Store takes the payloads that Bus cannot carry. Default: Bus, if it is a Store too, as the Postgres drivers
	// are; else none, and what is too large is an error. The drivers create their table in Prepare, which the emitter
	// does not call: any node does.
	Store Store
	// Codec turns messages into bytes. It must be the cluster's. Default: jsonmsgpack.Codec, which Node.js understands.
	Codec codec.Codec
	// ChannelPrefix starts the name of every channel (Node.js: channelPrefix). It must be the cluster's. Default:
	// "socket.io".
	ChannelPrefix string
	// PayloadThreshold is the size in bytes from which on an encoded message goes to the store (Node.js:
	// payloadThreshold). More than the bus can carry is as that. Default: what the bus can carry; on Postgres that is
	// 8000, the first size that its NOTIFY refuses.
	PayloadThreshold int
	// MaxMessageBytes bounds the size in bytes of an encoded message, with its attachment: a larger one is refused
	// with a TooLargeError. It should be the cluster's, whose nodes drop what is larger. Default: 16 MiB.
	MaxMessageBytes int
	// Secret signs every message and attachment with HMAC-SHA256. It must be the cluster's: core.Config.Secret.
	// Default: none, and nothing is signed.
	Secret []byte
	// Namespace is where the emitter emits until told otherwise by Of (Node.js: nsp). Default: "/".
	Namespace string
	// PublishTimeout bounds, in addition to the caller's context, how long the store may take for the attachment of a
	// message, and then how long the bus may take for the message. It does not apply in a Transaction. Default: 5 s.
	PublishTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.Store == nil {
		c.Store, _ = c.Bus.(Store)
	}
	if c.Codec == nil {
		c.Codec = jsonmsgpack.Codec{}
	}
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
	if err := wire.CheckSecrets(c.Secret, nil); err != nil {
		return err
	}
	limits := c.Bus.Limits()
	if err := wire.CheckPrefix(c.ChannelPrefix, limits); err != nil {
		return err
	}
	_, err := wire.Channel(c.ChannelPrefix, namespace(c.Namespace), limits)
	return err
}
