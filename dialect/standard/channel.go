package standard

import (
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// processName is what the channel of the process's own namespace has in place of a namespace, and what its messages
// name. No namespace of the cluster has this channel, because the name of a namespace starts with "/". With the prefix
// of another cluster it may be one; that cluster does not take the messages for its own, because of the name in them.
// The name is no longer than that of the namespace "/".
const processName = "*"

// route is the only channel of a namespace.
type route [1]string

// Listen implements dialect.Route.
func (r *route) Listen() []string { return r[:] }

// Channel implements dialect.Route.
func (r *route) Channel(*codec.Envelope) string { return r[0] }

// Namespace implements dialect.Wire.
func (w *wire) Namespace(name, _ string) (dialect.Route, error) {
	if name == "" {
		return &route{w.prefix + processName}, nil
	}
	invalid := func(reason string) error {
		return &fault.NameError{Kind: "namespace", Name: name, Reason: reason}
	}
	if !strings.HasPrefix(name, "/") {
		return nil, invalid(`it must start with "/"`)
	}
	if reason := dialect.InvalidText(name); reason != "" {
		return nil, invalid(reason)
	}
	channel := w.prefix + name
	if most := w.limits.Channel; most > 0 && len(channel) > most {
		return nil, invalid(fmt.Sprintf(
			"its channel %q has %d bytes and the bus allows %d: shorten the namespace or the channel prefix",
			channel, len(channel), most))
	}
	return &route{channel}, nil
}

// namespace returns the namespace of a channel that Namespace has returned.
func (w *wire) namespace(channel string) string {
	if name := channel[min(len(w.prefix), len(channel)):]; name != processName {
		return name
	}
	return ""
}

// checkPrefix returns an error if prefix cannot start even the name of the channel of the namespace "/".
func checkPrefix(prefix string, limits transport.Limits) error {
	if reason := dialect.InvalidText(prefix); reason != "" {
		return &fault.NameError{Kind: "channel prefix", Name: prefix, Reason: reason}
	}
	if most := limits.Channel - len("#/"); limits.Channel > 0 && len(prefix) > most {
		return &fault.NameError{Kind: "channel prefix", Name: prefix, Reason: fmt.Sprintf(
			"it has %d bytes and at most %d leave room for a namespace", len(prefix), most)}
	}
	return nil
}
