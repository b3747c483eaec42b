// Package standard is the default dialect: the messages of Node.js's @socket.io/postgres-adapter and
// @socket.io/postgres-emitter. docs/reference/protocol.md describes them.
//
// Each namespace has one channel, whose name is the prefix, "#" and the namespace, and everything goes through it.
// Messages have the form of the cluster's codec. What is too large for the bus is left in the store.
package standard

import (
	"errors"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// name is the name of the dialect in errors.
const name = "standard"

// Dialect is the default dialect.
type Dialect struct{}

// Name implements dialect.Dialect.
func (Dialect) Name() string { return name }

// Open implements dialect.Dialect. Without a codec, it uses jsonmsgpack.Codec, which Node.js understands.
func (Dialect) Open(o dialect.Options) (dialect.Wire, error) {
	if err := checkPrefix(o.Prefix, o.Limits); err != nil {
		return nil, err
	}
	w := &wire{codec: o.Codec, text: o.Limits.Text, prefix: o.Prefix + "#", limits: o.Limits}
	if w.codec == nil {
		w.codec = jsonmsgpack.Codec{}
	}
	if peeker, ok := w.codec.(codec.Peeker); ok {
		return &peekingWire{wire: w, peeker: peeker}, nil
	}
	return w, nil
}

// binaryMark precedes an envelope in binary form, on a bus that carries bytes. No text form starts with it.
const binaryMark = 0x00

type wire struct {
	codec  codec.Codec
	text   bool   // the bus carries only text
	prefix string // of channels, with "#"
	limits transport.Limits
}

// Carries implements dialect.Wire.
func (w *wire) Carries(t codec.Type) bool {
	return t >= codec.InitialHeartbeat && t <= codec.AdapterClose || t == codec.RequestRefused
}

// check returns an error if the dialect has no message for env.
func (w *wire) check(env *codec.Envelope) error {
	if !w.Carries(env.Type) {
		return unsupported(env.Type.String())
	}
	if env.RequestID != "" && env.Type >= codec.SocketsJoin && env.Type <= codec.DisconnectSockets {
		return unsupported(env.Type.String() + " with an answer") // it would never come
	}
	return nil
}

func unsupported(op string) error { return &fault.UnsupportedError{Op: op, Dialect: name} }

// Append implements dialect.Wire.
func (w *wire) Append(dst []byte, env *codec.Envelope) ([]byte, error) {
	if err := w.check(env); err != nil {
		return dst, err
	}
	if env.NSP == "" {
		own := *env
		own.NSP = processName
		env = &own
	}
	p, err := w.codec.Append(dst, env, codec.Text)
	if err == nil || w.text || !errors.Is(err, codec.ErrBinary) {
		return p, err
	}
	return w.codec.Append(append(dst, binaryMark), env, codec.Binary)
}

// AppendBody implements dialect.Attacher.
func (w *wire) AppendBody(dst []byte, env *codec.Envelope) ([]byte, error) {
	if err := w.check(env); err != nil {
		return dst, err
	}
	return w.codec.Append(dst, env, codec.Binary)
}

// Parse implements dialect.Wire.
func (w *wire) Parse(channel string, p []byte) (*codec.Envelope, error) {
	form := codec.Text
	if !w.text && len(p) > 0 && p[0] == binaryMark {
		p, form = p[1:], codec.Binary
	}
	env, err := w.codec.Parse(p, form)
	if err != nil {
		return nil, err
	}
	switch nsp := w.namespace(channel); {
	case env.NSP == "":
		env.NSP = nsp // old adapters and Node.js's emitter name none
	case env.NSP == processName && nsp == "":
		env.NSP = ""
	case env.NSP != nsp:
		return env, dialect.ErrForeign
	}
	return env, nil
}

// ParseBody implements dialect.Attacher.
func (w *wire) ParseBody(p []byte) (*codec.Envelope, error) { return w.codec.Parse(p, codec.Binary) }

// peekingWire is the wire of a codec that is a codec.Peeker.
type peekingWire struct {
	*wire
	peeker codec.Peeker
}

// SentBy implements dialect.Peeker.
func (w *peekingWire) SentBy(p []byte, uid string) bool {
	if !w.text && len(p) > 0 && p[0] == binaryMark {
		return w.peeker.SentBy(p[1:], codec.Binary, uid)
	}
	return w.peeker.SentBy(p, codec.Text, uid)
}

// PeekAnswer implements dialect.AnswerPeeker.
func (w *peekingWire) PeekAnswer(channel string, p []byte) *codec.Envelope {
	answers, ok := w.codec.(codec.AnswerPeeker)
	if !ok {
		return nil
	}
	var env *codec.Envelope
	if !w.text && len(p) > 0 && p[0] == binaryMark {
		env = answers.PeekAnswer(p[1:], codec.Binary)
	} else {
		env = answers.PeekAnswer(p, codec.Text)
	}
	if env == nil || env.NSP == "" || env.NSP != w.namespace(channel) {
		return nil
	}
	return env
}

var _ dialect.Keeper = (*wire)(nil)

// Keeps implements dialect.Keeper.
func (w *wire) Keeps(env *codec.Envelope) bool {
	switch env.Type {
	case codec.Broadcast:
		return env.RequestID == "" && !env.Opts.Flags.Volatile
	case codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.ServerSideEmit:
		return env.RequestID == ""
	}
	return false
}
