package core

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// LogConfig configures the log of a cluster: see Config.Log. The zero value keeps the messages of all namespaces.
type LogConfig struct {
	// Namespaces are the namespaces whose messages are kept. Nil: all. Give all nodes the same.
	Namespaces []string
	// Order says in which order a node's own clients get its messages. Default: OrderCluster.
	Order Order
	// MaxAge is how long messages are kept. Default: 2 min, which suits recovery of clients.
	MaxAge time.Duration
	// MaxBytes is the most space that the logs of all namespaces take, in bytes. Default: 1 GiB.
	MaxBytes int64
}

func (l LogConfig) withDefaults() LogConfig {
	defaultTo(&l.MaxAge, 2*time.Minute)
	if l.MaxBytes == 0 {
		l.MaxBytes = 1 << 30
	}
	return l
}

func (l *LogConfig) validate(c Config) error {
	_, kept := c.Bus.(transport.Log)
	switch {
	case !kept:
		return &ConfigError{Field: "Log", Reason: fmt.Sprintf("is set, but the bus, a %T, keeps no messages", c.Bus)}
	case l.MaxAge < 0:
		return &ConfigError{Field: "Log.MaxAge", Reason: "is negative"}
	case l.MaxBytes < 0:
		return &ConfigError{Field: "Log.MaxBytes", Reason: "is negative"}
	case l.Order != OrderCluster && l.Order != OrderLocalFirst:
		return &ConfigError{Field: "Log.Order", Reason: "is neither OrderCluster nor OrderLocalFirst"}
	}
	return nil
}

// covers reports whether the messages of a namespace are kept.
func (l *LogConfig) covers(namespace string) bool {
	return l != nil && (l.Namespaces == nil || slices.Contains(l.Namespaces, namespace))
}

// longest returns how long a message is kept at most.
func (l *LogConfig) longest() time.Duration {
	if l == nil {
		return 0
	}
	return 2 * l.MaxAge
}

// retention returns what the bus is asked to keep.
func (l *LogConfig) retention() transport.Retention {
	return transport.Retention{MaxAge: l.MaxAge, MaxBytes: l.MaxBytes}
}

// Order says in which order clients get the messages of a namespace that is logged.
type Order int

const (
	// OrderCluster delivers all messages in the order of the log, on all nodes. A node's own clients get its messages
	// when they come back from the bus, which takes a round trip. If a message is known not to be kept, the node
	// delivers it to its own clients at once, and the caller gets the error. Recovery of clients on other nodes needs
	// this order.
	OrderCluster Order = 0
	// OrderLocalFirst delivers a node's messages to its own clients at once, as without a log. Clients of different
	// nodes may get messages in different orders.
	OrderLocalFirst Order = 1
)

func (o Order) String() string {
	switch o {
	case OrderCluster:
		return "cluster"
	case OrderLocalFirst:
		return "local first"
	}
	return "unknown order"
}
