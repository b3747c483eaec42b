// Package wire encodes envelopes for a bus and decodes them. It chooses the form, puts messages that are too
// large, or that hold bytes the bus cannot carry, into a store, and names the channels. Packages core and
// emitter share it, so that both write the same bytes.
//
// # Files
//
//   - wire.go: Wire, which encodes and decodes; body.go: the bodies of references
//   - channel.go: the names of channels; event.go: events, reserved names
//   - distinct.go: makes equal messages of a batch differ; sign.go: signatures
//   - outgoing.go: an encoded message; sender.go: publishing; store.go, storer.go: storing attachments
//   - errors.go: errors of a bus or a store that is stuck
package wire

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/transport"
)

// binaryMark precedes an envelope in binary form, on a bus that carries bytes. No text form starts with it.
const binaryMark = 0x00

// Config says how messages are encoded.
type Config struct {
	Codec  codec.Codec
	Store  Store // if nil, no message can have an attachment
	Limits transport.Limits
	// Threshold is the size in bytes from which on a message becomes an attachment. 0: the bus's limit, which is also
	// the maximum.
	Threshold int
	// MaxMessageBytes bounds the size of an encoded message, inline or as a body. 0: any size.
	MaxMessageBytes int
	// Secrets sign messages and bodies: the first one signs, and a signature of any of them is accepted. Empty
	// secrets are ignored. Without secrets, messages are not signed.
	Secrets [][]byte
}

// Wire encodes and decodes. It is safe for concurrent use.
type Wire struct {
	codec    codec.Codec
	peeker   codec.Peeker
	text     bool
	hasStore bool
	signer   *signer // nil: messages are not signed
	inline   int     // how many bytes are sent inline, without the signature; 0: any number
	max      int     // how many bytes a message may have; 0: any number

	distinct *distinct // nil if the bus accepts equal messages
}

// New returns a Wire for config.
func New(config Config) *Wire {
	w := &Wire{codec: config.Codec, text: config.Limits.Text, hasStore: config.Store != nil,
		inline: config.Limits.Payload, max: config.MaxMessageBytes}
	w.peeker, _ = config.Codec.(codec.Peeker)
	if t := config.Threshold; w.hasStore && t > 0 && (w.inline == 0 || t <= w.inline) {
		w.inline = max(t-1, 1) // 0 would mean any number; no message is that short
	}
	if w.signer = newSigner(config.Secrets); w.signer != nil && w.inline > 0 {
		w.inline = max(w.inline-signatureSize, 1)
	}
	if config.Limits.Distinct {
		w.distinct = newDistinct()
	}
	return w
}

// Encode appends env to dst in the form for the bus, without the signature. If toStore is true, the result is a body
// for the store instead, and Reference returns the message for the bus once the body is stored.
func (w *Wire) Encode(dst []byte, env *codec.Envelope) (p []byte, toStore bool, err error) {
	p, toStore, err = w.encode(dst, env)
	if w.distinct != nil && err == nil && !toStore && env.Nonce == 0 && w.distinct.seen(p[len(dst):]) {
		env.Nonce = w.distinct.number()
		return w.encode(dst, env)
	}
	return p, toStore, err
}

func (w *Wire) encode(dst []byte, env *codec.Envelope) (p []byte, toStore bool, err error) {
	if p, toStore, err = w.form(dst, env); err == nil {
		err = w.CheckSize(env.Type, len(p)-len(dst)+w.overhead())
	}
	if err != nil {
		return dst, false, err
	}
	return p, toStore, nil
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
func (w *Wire) form(dst []byte, env *codec.Envelope) (p []byte, toStore bool, err error) {
	defer guard.Catch(&err)
	start := len(dst)
	p, err = w.codec.Append(dst, env, codec.Text)
	switch {
	case err == nil && w.fits(len(p)-start):
		return p, false, nil
	case err == nil && !w.hasStore:
		return dst, false, &fault.TooLargeError{Message: env.Type.String(), Size: len(p) - start, Limit: w.inline}
	case err != nil && !errors.Is(err, codec.ErrBinary):
		return dst, false, fmt.Errorf("backplane: encode %s: %w", env.Type, err)
	case err != nil && !w.text:
		if p, err = w.codec.Append(append(dst, binaryMark), env, codec.Binary); err != nil {
			return dst, false, fmt.Errorf("backplane: encode %s: %w", env.Type, err)
		}
		if w.fits(len(p) - start) {
			return p, false, nil
		}
		if !w.hasStore {
			return dst, false, &fault.TooLargeError{Message: env.Type.String(), Size: len(p) - start, Limit: w.inline}
		}
	case err != nil && !w.hasStore:
		return dst, false, fmt.Errorf("backplane: encode %s: %w: configure a Store for binary data", env.Type, err)
	}
	env.AttachmentKey = newKey()
	if p, err = w.codec.Append(dst, env, codec.Binary); err != nil {
		return dst, false, fmt.Errorf("backplane: encode %s: %w", env.Type, err)
	}
	return p, true, nil
}

func (w *Wire) fits(n int) bool { return w.inline == 0 || n <= w.inline }

// Reference appends to dst the message that refers to the body of env, which the store has under id. The bus
// carries it in place of env. It has no signature yet.
func (w *Wire) Reference(dst []byte, env *codec.Envelope, id string) (p []byte, err error) {
	defer guard.Catch(&err)
	ref := codec.Envelope{Type: env.Type, UID: env.UID, NSP: env.NSP, RequesterUID: env.RequesterUID,
		AttachmentID: id, AttachmentKey: env.AttachmentKey}
	return w.codec.Append(dst, &ref, codec.Text)
}

// Decode decodes a message of the bus, which Open has returned. The envelope may share memory with p.
func (w *Wire) Decode(p []byte) (*codec.Envelope, error) {
	if !w.text && len(p) > 0 && p[0] == binaryMark {
		return w.parse(p[1:], codec.Binary)
	}
	return w.parse(p, codec.Text)
}

// parse calls the codec. A panic of the codec becomes an error.
func (w *Wire) parse(p []byte, f codec.Format) (env *codec.Envelope, err error) {
	defer guard.Catch(&err)
	env, err = w.codec.Parse(p, f)
	return env, guard.Error(err)
}

// SentBy reports whether p is a message of uid, as far as the codec can tell without parsing it. If the result
// is false, only Decode can tell.
func (w *Wire) SentBy(p []byte, uid string) (is bool) {
	var fault error // a codec that panics cannot tell
	defer guard.Catch(&fault)
	switch {
	case w.peeker == nil || len(p) == 0:
		return false
	case !w.text && p[0] == binaryMark:
		return w.peeker.SentBy(p[1:], codec.Binary, uid)
	}
	return w.peeker.SentBy(p, codec.Text, uid)
}
