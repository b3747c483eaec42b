// Package plainjson is a small dialect: broadcasts and heartbeats as flat JSON objects, which programs in any language
// can read and write.
//
//	{"cluster":"socket.io","nsp":"/chat","kind":"broadcast","from":"0123456789abcdef",
//	 "event":["hello",42],"rooms":["lobby"]}
package plainjson

import (
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// Dialect is the dialect.
type Dialect struct{}

// Name implements dialect.Dialect.
func (Dialect) Name() string { return "plainjson" }

// Open implements dialect.Dialect.
func (Dialect) Open(o dialect.Options) (dialect.Wire, error) {
	if o.Codec != nil {
		return nil, &fault.ConfigError{Field: "Codec", Reason: "the plainjson dialect has none: leave it unset"}
	}
	w := &wire{cluster: o.Prefix, limits: o.Limits}
	if reason := w.refused("/"); reason != "" {
		return nil, &fault.NameError{Kind: "channel prefix", Name: o.Prefix, Reason: reason}
	}
	return w, nil
}

// wire implements dialect.Wire.
type wire struct {
	cluster string
	limits  transport.Limits
}

// kinds are the types of messages that the dialect has.
var kinds = map[codec.Type]string{
	codec.InitialHeartbeat: "hello",
	codec.Heartbeat:        "alive",
	codec.AdapterClose:     "bye",
	codec.Broadcast:        "broadcast",
}

// Carries implements dialect.Wire.
func (w *wire) Carries(t codec.Type) bool { return kinds[t] != "" }

// channel returns the only channel of a namespace. That of the process's own namespace ends with ":", and no other one
// does, because the name of a namespace starts with "/".
func (w *wire) channel(nsp string) string { return w.cluster + ":" + nsp }

// Namespace implements dialect.Wire.
func (w *wire) Namespace(nsp, _ string) (dialect.Route, error) {
	reason := ""
	if nsp != "" {
		reason = w.refused(nsp)
	}
	if reason != "" {
		return nil, &fault.NameError{Kind: "namespace", Name: nsp, Reason: reason}
	}
	return route(w.channel(nsp)), nil
}

// refused returns why a namespace cannot have this name, or an empty text.
func (w *wire) refused(nsp string) (reason string) {
	channel := w.channel(nsp)
	switch {
	case !strings.HasPrefix(nsp, "/") || strings.HasSuffix(nsp, ":"):
		return `it must start with "/" and not end with ":"`
	case w.limits.Channel > 0 && len(channel) > w.limits.Channel:
		return "its channel is too long for the bus"
	}
	return dialect.InvalidText(channel)
}

// route is the channel of a namespace.
type route string

func (r route) Listen() []string               { return []string{string(r)} }
func (r route) Channel(*codec.Envelope) string { return string(r) }
