// Package wire encodes envelopes for a bus and decodes them, in the dialect of a cluster. It puts messages that are
// too large, or that hold bytes the bus cannot carry, into a store, or has the dialect cut them, and signs. Packages
// core and emitter share it, so that both write the same bytes.
//
// # Files
//
//   - wire.go: Wire, which encodes and decodes; body.go: the bodies of references
//   - event.go: events, reserved names
//   - distinct.go: makes equal messages of a batch differ; sign.go: signatures
//   - outgoing.go: an encoded message; sender.go: publishing; load.go: what the bus carries for messages
//   - store.go, storer.go: storing attachments
//   - errors.go: errors of a bus or a store that is stuck
package wire

import (
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/transport"
)

// Config says how messages are encoded.
type Config struct {
	Dialect dialect.Dialect
	Codec   codec.Codec // nil: the dialect's own
	Prefix  string      // of the names of channels
	Bus     any         // for dialects that need more than its limits; may be nil
	Store   Store       // if nil, no message can have an attachment
	Limits  transport.Limits
	// Threshold is the size in bytes from which on a message becomes an attachment. 0: the bus's limit, which is also
	// the maximum.
	Threshold int
	// MaxMessageBytes bounds the size of an encoded message, inline or as a body. 0: any size.
	MaxMessageBytes int
	// Retention is how long Store keeps the bodies of messages with Outgoing.Keep at least, if it is a
	// storage.Retainer. 0: as long as other bodies.
	Retention time.Duration
	// Secrets sign messages and bodies: the first one signs, and a signature of any of them is accepted. Empty
	// secrets are ignored. Without secrets, messages are not signed.
	Secrets [][]byte
}

// Wire encodes and decodes. It is safe for concurrent use, except that one goroutine at a time calls Decode.
type Wire struct {
	dialect.Wire

	name       string               // of the dialect
	peeker     dialect.Peeker       // nil if the dialect is none
	answers    dialect.AnswerPeeker // nil if the dialect is none
	attacher   dialect.Attacher     // nil if messages cannot have attachments
	splitter   dialect.Splitter     // nil if messages cannot be sent in pieces
	keeper     dialect.Keeper       // nil if a log cannot keep the messages
	overlapper dialect.Overlapper   // nil if the dialect is none
	text       bool                 // the bus carries only text
	signer     *signer              // nil: messages are not signed
	inline     int                  // how many bytes are sent inline, without the signature; 0: any number
	max        int                  // how many bytes a message may have; 0: any number
	retention  time.Duration        // how long the bodies of kept messages are stored at least; 0: as long as others

	distinct *distinct // nil if the bus accepts equal messages
}

// New returns a Wire for config. Its errors are those of the dialect.
func New(config Config) (*Wire, error) {
	w := &Wire{text: config.Limits.Text, inline: config.Limits.Payload, max: config.MaxMessageBytes,
		signer: newSigner(config.Secrets), name: config.Dialect.Name(), retention: config.Retention}
	var err error
	w.Wire, err = config.Dialect.Open(dialect.Options{Prefix: config.Prefix, Codec: config.Codec, Limits: config.Limits,
		MaxMessageBytes: config.MaxMessageBytes, Bus: config.Bus, Signed: w.signer != nil})
	if err != nil {
		return nil, err
	}
	w.peeker, _ = w.Wire.(dialect.Peeker)
	w.answers, _ = w.Wire.(dialect.AnswerPeeker)
	w.keeper, _ = w.Wire.(dialect.Keeper)
	w.overlapper, _ = w.Wire.(dialect.Overlapper)
	if config.Store != nil {
		w.attacher, _ = w.Wire.(dialect.Attacher)
	}
	if w.signer == nil {
		w.splitter, _ = w.Wire.(dialect.Splitter)
	}
	if t := config.Threshold; w.attacher != nil && t > 0 && (w.inline == 0 || t <= w.inline) {
		w.inline = max(t-1, 1) // 0 would mean any number; no message is that short
	}
	if w.signer != nil && w.inline > 0 {
		w.inline = max(w.inline-signatureSize, 1)
	}
	if config.Limits.Distinct {
		w.distinct = newDistinct()
	}
	return w, nil
}

// UsesStore reports whether messages can have attachments.
func (w *Wire) UsesStore() bool { return w.attacher != nil }

// Check returns a *fault.UnsupportedError for an operation that needs messages of type t, if the dialect has none. The
// error has the hint if the dialect has messages of type instead.
func (w *Wire) Check(t codec.Type, op string, instead codec.Type, hint string) error {
	if w.Carries(t) {
		return nil
	}
	if !w.Carries(instead) {
		hint = ""
	}
	return &fault.UnsupportedError{Op: op, Dialect: w.name, Hint: hint}
}

// encoded is an encoded message.
type encoded struct {
	p       []byte
	ends    []int // where in p each piece ends; nil if the message is in one piece
	toStore bool  // p is a body for the store, and Reference returns the message for the bus once it is stored
}

// encode appends env to dst in the form for the bus, without the signature. After an error, p is dst.
func (w *Wire) encode(dst []byte, env *codec.Envelope) (e encoded, err error) {
	e, err = w.encodeOnce(dst, env)
	if w.distinct != nil && err == nil && !e.toStore && env.Nonce == 0 && w.distinct.seen(e.p[len(dst):]) {
		env.Nonce = w.distinct.number()
		return w.encodeOnce(dst, env)
	}
	return e, err
}

func (w *Wire) encodeOnce(dst []byte, env *codec.Envelope) (e encoded, err error) {
	if e, err = w.form(dst, env); err == nil {
		err = w.CheckSize(env.Type, len(e.p)-len(dst)+w.overhead())
	}
	if err != nil {
		return encoded{p: dst}, err
	}
	return e, nil
}

// CheckSize returns a *fault.TooLargeError for a message of n bytes that is over MaxMessageBytes. t is 0 when the
// type is unknown.
func (w *Wire) CheckSize(t codec.Type, n int) error {
	if w.max == 0 || n <= w.max {
		return nil
	}
	e := &fault.TooLargeError{Size: n, Limit: w.max, Option: "MaxMessageBytes"}
	if t != 0 {
		e.Message = t.String()
	}
	return e
}

// form appends env in the form for the bus or the store.
func (w *Wire) form(dst []byte, env *codec.Envelope) (e encoded, err error) {
	defer guard.Catch(&err)
	p, err := w.Append(dst, env)
	size := len(p) - len(dst)
	switch {
	case err == nil && w.fits(size):
		return encoded{p: p}, nil
	case err == nil && w.splitter != nil:
		e.p, e.ends, err = w.splitter.Split(dst, env, w.inline)
		return e, encodeError(env, err)
	case err == nil && w.attacher == nil:
		return e, &fault.TooLargeError{Message: env.Type.String(), Size: size, Limit: w.inline}
	case err != nil && !errors.Is(err, codec.ErrBinary):
		return e, encodeError(env, err)
	case err != nil && w.attacher == nil:
		if _, attaches := w.Wire.(dialect.Attacher); attaches {
			err = fmt.Errorf("%w: configure a Store for binary data", err)
		}
		return e, encodeError(env, err)
	}
	env.AttachmentKey = newKey()
	p, err = w.attacher.AppendBody(dst, env)
	return encoded{p: p, toStore: true}, encodeError(env, err)
}

// encodeError says what could not be encoded. An error that says so itself is returned as it is.
func encodeError(env *codec.Envelope, err error) error {
	var unsupported *fault.UnsupportedError
	if err == nil || errors.As(err, &unsupported) {
		return err
	}
	return fmt.Errorf("backplane: encode %s: %w", env.Type, err)
}

func (w *Wire) fits(n int) bool { return w.inline == 0 || n <= w.inline }

// Reference appends to dst the message that refers to the body of env, which the store has under id. The bus
// carries it in place of env. It has no signature yet.
func (w *Wire) Reference(dst []byte, env *codec.Envelope, id string) (p []byte, err error) {
	defer guard.Catch(&err)
	ref := codec.Envelope{Type: env.Type, UID: env.UID, NSP: env.NSP, RequesterUID: env.RequesterUID,
		AttachmentID: id, AttachmentKey: env.AttachmentKey}
	return w.Append(dst, &ref)
}

// Decode decodes a message of a channel, which Open has returned. See dialect.Wire.Parse.
func (w *Wire) Decode(channel string, p []byte) (env *codec.Envelope, err error) {
	defer guard.Catch(&err) // a panic of the codec
	env, err = w.Parse(channel, p)
	return env, guard.Error(err)
}

// SentBy reports whether p is a message of uid, as far as the dialect can tell without parsing it. If the result
// is false, only Decode can tell.
func (w *Wire) SentBy(p []byte, uid string) (is bool) {
	if w.peeker == nil {
		return false
	}
	var fault error // a codec that panics cannot tell
	defer guard.Catch(&fault)
	return w.peeker.SentBy(p, uid)
}

// PeekAnswer returns the type, the sender, the namespace and the request of p if it is an answer, as far as the dialect
// can tell without parsing it. If the result is nil, only Decode can tell.
func (w *Wire) PeekAnswer(channel string, p []byte) (env *codec.Envelope) {
	if w.answers == nil {
		return nil
	}
	var fault error
	defer guard.Catch(&fault)
	return w.answers.PeekAnswer(channel, p)
}

// CanBeKept reports whether a log can keep messages of the dialect.
func (w *Wire) CanBeKept() bool { return w.keeper != nil }

// Keeps reports whether a log keeps env.
func (w *Wire) Keeps(env *codec.Envelope) bool { return w.keeper != nil && w.keeper.Keeps(env) }

// Shared returns the form in which other programs have sessions of clients, or nil.
func (w *Wire) Shared() dialect.Shared {
	s, _ := w.Wire.(dialect.Shared)
	return s
}

// Overlapping reports whether a message may be for several namespaces.
func (w *Wire) Overlapping() bool { return w.overlapper != nil }

// Overlaps returns the other namespaces that get env too.
func (w *Wire) Overlaps(env *codec.Envelope) []string {
	if w.overlapper == nil {
		return nil
	}
	return w.overlapper.Overlaps(env)
}
