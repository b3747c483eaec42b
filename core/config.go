package core

import (
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Config configures a Cluster. Its fields are those of Config in the root package, backplane, which documents them with
// their limits and defaults: go doc backplane.Config. A test compares both. Only Bus is required.
type Config struct {
	Bus   transport.Bus
	Store storage.Store
	Codec codec.Codec

	Dialect dialect.Dialect

	Log *LogConfig

	Secret         []byte
	PreviousSecret []byte

	UID              string
	ChannelPrefix    string
	PayloadThreshold int
	MaxMessageBytes  int

	RequestTimeout         time.Duration
	HeartbeatInterval      time.Duration
	HeartbeatTimeout       time.Duration
	CleanupInterval        time.Duration
	AttachmentAge          time.Duration
	PublishTimeout         time.Duration
	MinBackoff, MaxBackoff time.Duration

	PublishQueue       int
	PublishQueueBytes  int
	ReceiveQueue       int
	ReceiveQueueBytes  int
	MaxPeers           int
	MaxRequestRate     int
	MaxPendingRequests int
	MaxAnswerBytes     int

	ErrorHandler func(error)
	Logger       *slog.Logger
	Trace        Trace
}

func (c Config) withDefaults() Config {
	if c.Store == nil {
		c.Store, _ = c.Bus.(storage.Store)
	}
	if c.Dialect == nil {
		c.Dialect = standard.Dialect{}
	}
	if c.ChannelPrefix == "" {
		c.ChannelPrefix = "socket.io"
	}
	defaultTo(&c.MaxMessageBytes, 16<<20)
	defaultTo(&c.RequestTimeout, 5*time.Second)
	defaultTo(&c.HeartbeatInterval, 5*time.Second)
	defaultTo(&c.HeartbeatTimeout, 10*time.Second)
	defaultTo(&c.CleanupInterval, 30*time.Second)
	if c.Log != nil {
		withDefaults := c.Log.withDefaults()
		c.Log = &withDefaults
	}
	defaultTo(&c.AttachmentAge, max(2*c.CleanupInterval, c.Log.longest()))
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
	if c.Log != nil {
		if err := c.Log.validate(c); err != nil {
			return err
		}
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
