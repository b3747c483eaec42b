// Package wire turns envelopes into what goes over a bus and back: it picks the form, spills what is too large or
// binary to a store, and names channels. The cluster and the emitter share it, so that both say the same bytes.
package wire

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/transport"
)

// binaryMark precedes an envelope in binary form on a bus that carries bytes. No text form starts with it.
const binaryMark = 0x00

// Config says how messages are encoded.
type Config struct {
	Codec  codec.Codec
	Store  Store // nil: nothing can be spilled
	Limits transport.Limits
	// Threshold: messages of this many bytes or more are spilled. 0, and whatever is more than the bus
	// carries, means as soon as the bus cannot carry them.
	Threshold int
	// MaxMessageBytes is how large an encoded message may be, inline or as a body. 0: any size.
	MaxMessageBytes int
	// Secrets: messages and bodies are signed with the first, and only those are read that one of them has signed.
	// Empty ones do not count. None: messages are not signed.
	Secrets [][]byte
}

// Wire encodes and decodes. It is safe for concurrent use.
type Wire struct {
	codec  codec.Codec
	peeker codec.Peeker
	text   bool
	spills bool
	signer *signer // nil: messages are not signed
	inline int     // most bytes sent inline, without the signature, 0: any number
	max    int     // most bytes of a message, 0: any number

	distinct *distinct // nil if the bus does not mind equal messages
}

// New returns a Wire for config.
func New(config Config) *Wire {
	w := &Wire{codec: config.Codec, text: config.Limits.Text, spills: config.Store != nil,
		inline: config.Limits.Payload, max: config.MaxMessageBytes}
	w.peeker, _ = config.Codec.(codec.Peeker)
	if t := config.Threshold; w.spills && t > 0 && (w.inline == 0 || t <= w.inline) {
		w.inline = max(t-1, 1) // 0 would mean any number, and no message is that short
	}
	if w.signer = newSigner(config.Secrets); w.signer != nil && w.inline > 0 {
		w.inline = max(w.inline-signatureSize, 1)
	}
	if config.Limits.Distinct {
		w.distinct = newDistinct()
	}
	return w
}

// Encode appends env to dst as it goes over the bus, but for the signature. If spill is true the result is instead a
// body for the store, and Reference tells what goes over the bus once the store has it.
func (w *Wire) Encode(dst []byte, env *codec.Envelope) (p []byte, spill bool, err error) {
	p, spill, err = w.encode(dst, env)
	if w.distinct != nil && err == nil && !spill && env.Nonce == 0 && w.distinct.seen(p[len(dst):]) {
		env.Nonce = w.distinct.number()
		return w.encode(dst, env)
	}
	return p, spill, err
}

func (w *Wire) encode(dst []byte, env *codec.Envelope) (p []byte, spill bool, err error) {
	if p, spill, err = w.form(dst, env); err == nil {
		err = w.CheckSize(env.Type, len(p)-len(dst)+w.overhead())
	}
	if err != nil {
		return dst, false, err
	}
	return p, spill, nil
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

// form writes env in the form in which it goes over the bus or into the store.
func (w *Wire) form(dst []byte, env *codec.Envelope) (p []byte, spill bool, err error) {
	defer guard.Catch(&err)
	start := len(dst)
	p, err = w.codec.Append(dst, env, codec.Text)
	switch {
	case err == nil && w.fits(len(p)-start):
		return p, false, nil
	case err == nil && !w.spills:
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
		if !w.spills {
			return dst, false, &fault.TooLargeError{Message: env.Type.String(), Size: len(p) - start, Limit: w.inline}
		}
	case err != nil && !w.spills:
		return dst, false, fmt.Errorf("backplane: encode %s: %w: configure a Store for binary data", env.Type, err)
	}
	env.AttachmentKey = newKey()
	if p, err = w.codec.Append(dst, env, codec.Binary); err != nil {
		return dst, false, fmt.Errorf("backplane: encode %s: %w", env.Type, err)
	}
	return p, true, nil
}

func (w *Wire) fits(n int) bool { return w.inline == 0 || n <= w.inline }

// Reference appends to dst what goes over the bus in place of env, whose body is in the store under id, but for the
// signature.
func (w *Wire) Reference(dst []byte, env *codec.Envelope, id string) (p []byte, err error) {
	defer guard.Catch(&err)
	ref := codec.Envelope{Type: env.Type, UID: env.UID, NSP: env.NSP, RequesterUID: env.RequesterUID,
		AttachmentID: id, AttachmentKey: env.AttachmentKey}
	return w.codec.Append(dst, &ref, codec.Text)
}

// Decode reads what came over the bus, and what Open has returned. The envelope may keep parts of p.
func (w *Wire) Decode(p []byte) (*codec.Envelope, error) {
	if !w.text && len(p) > 0 && p[0] == binaryMark {
		return w.parse(p[1:], codec.Binary)
	}
	return w.parse(p, codec.Text)
}

// parse calls the codec, which may be anybody's.
func (w *Wire) parse(p []byte, f codec.Format) (env *codec.Envelope, err error) {
	defer guard.Catch(&err)
	env, err = w.codec.Parse(p, f)
	return env, guard.Error(err)
}

// SentBy reports whether p is a message of uid's, as far as the codec can tell without reading it: false means that it
// takes a Decode to know.
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
