package redissharded

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/classic"
)

// Append implements dialect.Wire. As in Node.js, only messages with bytes are MessagePack.
func (w *wire) Append(dst []byte, env *codec.Envelope) ([]byte, error) {
	if env.NSP == "" {
		return classic.AppendHeartbeat(dst, env, name)
	}
	if err := classic.CheckMessage(env, w.Carries(env.Type), name); err != nil {
		return dst, err
	}
	p, err := messages.Append(dst, env, codec.Text)
	if !errors.Is(err, codec.ErrBinary) {
		return p, err
	}
	return messages.Append(dst, env, codec.Binary)
}

// formOf returns the form of a message.
func formOf(p []byte) codec.Format {
	if len(p) > 0 && p[0] == '{' {
		return codec.Text
	}
	return codec.Binary
}

// errReference reports a message whose body is in a store.
var errReference = errors.New("a reference to a message in a store")

// Parse implements dialect.Wire.
func (w *wire) Parse(channel string, p []byte) (*codec.Envelope, error) {
	if channel == w.process() {
		return (&classic.Reader{Dialect: name}).Heartbeat(p)
	}
	env, err := messages.Parse(p, formOf(p))
	switch {
	case err != nil:
		return nil, err
	case env.AttachmentID != "":
		return nil, fmt.Errorf("%w: %w", codec.ErrMalformed, errReference)
	case !w.belongs(channel, env.NSP):
		return env, dialect.ErrForeign
	case env.Type == codec.InitialHeartbeat, env.Type == codec.Heartbeat, env.Type == codec.AdapterClose:
		return nil, nil // of other adapters; Node.js ignores them, too
	}
	return env, nil
}

// SentBy implements dialect.Peeker. The messages of this library begin with their sender.
func (w *wire) SentBy(p []byte, uid string) bool { return messages.SentBy(p, formOf(p), uid) }
