package classic

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
)

// This file has what the dialects on Redis share whose messages are those of Socket.IO's cluster adapter.

// CheckOptions returns an error if the options do not go with such a dialect, whose name is given.
func CheckOptions(o dialect.Options, name string) error {
	switch {
	case o.Codec != nil:
		return &fault.ConfigError{Field: "Codec", Reason: "the " + name + " dialect has its own: leave it unset"}
	case o.Signed:
		return &fault.ConfigError{Field: "Secret",
			Reason: "Node.js's servers cannot read signed messages, so this dialect has none: leave it unset"}
	case o.Limits.Text:
		return &fault.ConfigError{Field: "Bus", Reason: "the " + name + " dialect needs one that carries bytes"}
	}
	return nil
}

// CheckMessage returns an error if such a dialect has no message for env. carries: it has the type.
func CheckMessage(env *codec.Envelope, carries bool, name string) error {
	unsupported := func(op string) error { return &fault.UnsupportedError{Op: op, Dialect: name} }
	switch {
	case env.AttachmentID != "":
		return unsupported(env.Type.String() + " in a store")
	case env.Type == codec.Heartbeat, !carries:
		return unsupported(env.Type.String())
	case env.RequestID != "" && env.Type >= codec.SocketsJoin && env.Type <= codec.DisconnectSockets:
		return unsupported(env.Type.String() + " with an answer") // it would never come
	}
	return nil
}
