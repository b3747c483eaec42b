package emitter

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

// LogConfig describes the log of the cluster: see Config.Log. Its fields are those of core.LogConfig.
type LogConfig struct {
	// Namespaces are the namespaces whose messages are kept. Nil: all. Give the cluster's.
	Namespaces []string
	// MaxAge is how long messages are kept. The emitter only needs it for attachments, which are stored for twice as
	// long: the log may keep a message for twice MaxAge. Give the cluster's. Default: 2 min.
	MaxAge time.Duration
}

func (l *LogConfig) withDefaults() *LogConfig {
	if l == nil {
		return nil
	}
	with := *l
	if with.MaxAge == 0 {
		with.MaxAge = 2 * time.Minute
	}
	return &with
}

func (l *LogConfig) validate(c Config) error {
	if l == nil {
		return nil
	}
	switch _, keeps := c.Bus.(transport.Appender); {
	case !keeps:
		return &ConfigError{Field: "Log", Reason: fmt.Sprintf("is set, but the bus, a %T, keeps no messages", c.Bus)}
	case c.Dialect.Name() != "standard":
		return &ConfigError{Field: "Log",
			Reason: fmt.Sprintf("needs the standard dialect: messages of %q have no log", c.Dialect.Name())}
	case l.MaxAge < 0:
		return &ConfigError{Field: "Log.MaxAge", Reason: "is negative"}
	}
	return nil
}

// appender returns what messages go to in place of the bus, or nil without a log.
func (c Config) appender() transport.Appender {
	if c.Log == nil {
		return nil
	}
	return c.Bus.(transport.Appender)
}

// retention returns how long attachments of kept messages are stored at least.
func (c Config) retention() time.Duration {
	if c.Log == nil {
		return 0
	}
	return 2 * c.Log.MaxAge
}

// keeps reports whether the log of the cluster keeps a message, if its nodes send it.
func (l *LogConfig) keeps(nsp string, env *codec.Envelope) bool {
	switch {
	case l == nil, l.Namespaces != nil && !slices.ContainsFunc(l.Namespaces, func(name string) bool {
		return namespace(name) == nsp
	}):
		return false
	case env.Type == codec.Broadcast:
		return !env.Opts.Flags.Volatile
	}
	return true // joins, leaves, disconnects and events for servers
}
