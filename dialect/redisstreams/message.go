package redisstreams

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/transport"
)

// Append implements dialect.Wire.
func (w *wire) Append(dst []byte, env *codec.Envelope) ([]byte, error) {
	if env.NSP == "" {
		return classic.AppendHeartbeat(dst, env, name)
	}
	if err := classic.CheckMessage(env, w.Carries(env.Type), name); err != nil {
		return dst, err
	}
	if inStream(env) {
		return appendEntry(dst, env)
	}
	return messages.Append(dst, env, codec.Binary)
}

// errReference reports a message whose body is in a store.
var errReference = errors.New("a reference to a message in a store")

// Parse implements dialect.Wire.
func (w *wire) Parse(channel string, p []byte) (env *codec.Envelope, err error) {
	if channel == w.process() {
		return (&classic.Reader{Dialect: name}).Heartbeat(p)
	}
	channel, _ = transport.CutPrefixName(channel) // who watches a namespace listens to the channels of all answers
	_, nsp, stream := streamentry.Parse(channel)
	if stream {
		env, err = parseEntry(p)
	} else {
		env, err = messages.Parse(p, codec.Binary)
	}
	switch {
	case err != nil:
		return nil, err
	case env.AttachmentID != "":
		return nil, fmt.Errorf("%w: %w", codec.ErrMalformed, errReference)
	case stream && (nsp != env.NSP || channel != w.entries(nsp)), !stream && !w.belongs(channel, env.NSP):
		return env, dialect.ErrForeign
	case env.Type == codec.InitialHeartbeat, env.Type == codec.Heartbeat, env.Type == codec.AdapterClose:
		return nil, nil // of version 0.2; version 0.3 ignores them, too
	}
	return env, nil
}

// SentBy implements dialect.Peeker. The messages of this library begin with their sender.
func (w *wire) SentBy(p []byte, uid string) bool {
	if isEntry(p) {
		return entrySentBy(p, uid)
	}
	if len(p) > 0 && p[0] == '{' { // of the process's own namespace
		return messages.SentBy(p, codec.Text, uid)
	}
	return messages.SentBy(p, codec.Binary, uid)
}
