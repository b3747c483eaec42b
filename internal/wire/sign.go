package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"sync"

	"github.com/backplane-go/backplane/fault"
)

// A signed message starts with its signature: the HMAC-SHA256 of the place where it belongs and of what follows, in
// base64. The signature is text, so that every bus can carry it, and always has the same size.

// signatureSize is the size of a signature in bytes.
const signatureSize = 43

var signatureText = base64.RawURLEncoding.Strict()

// MinSecret is the minimum size of a secret in bytes.
const MinSecret = 16

// inStore is the place of bodies in the store. The place of messages is their channel, whose name has no NUL.
const inStore = "\x00store"

// signer signs with the first of its secrets and accepts signatures of any of them. It is safe for concurrent use.
type signer struct{ secrets []*sync.Pool } // of *mac

// mac computes signatures with one secret.
type mac struct {
	hash  hash.Hash
	place []byte
	sum   [sha256.Size]byte
	text  [signatureSize]byte
}

// newSigner returns nil if there is no secret.
func newSigner(secrets [][]byte) *signer {
	s := new(signer)
	for _, secret := range secrets {
		if len(secret) > 0 {
			newMAC := func() any { return &mac{hash: hmac.New(sha256.New, secret)} }
			s.secrets = append(s.secrets, &sync.Pool{New: newMAC})
		}
	}
	if len(s.secrets) == 0 {
		return nil
	}
	return s
}

// signature returns the signature of p at a place. It is valid until the next call.
func (m *mac) signature(place string, p []byte) []byte {
	m.place = append(append(m.place[:0], place...), 0)
	m.hash.Reset()
	m.hash.Write(m.place)
	m.hash.Write(p)
	signatureText.Encode(m.text[:], m.hash.Sum(m.sum[:0]))
	return m.text[:]
}

// sign writes a signature into the first bytes of p, which are reserved for it.
func (s *signer) sign(place string, p []byte) {
	m := s.secrets[0].Get().(*mac)
	copy(p, m.signature(place, p[signatureSize:]))
	s.secrets[0].Put(m)
}

// open returns what follows a valid signature, or fault.ErrUnsigned.
func (s *signer) open(place string, p []byte) ([]byte, error) {
	if len(p) < signatureSize {
		return nil, fault.ErrUnsigned
	}
	for _, secret := range s.secrets {
		m := secret.Get().(*mac)
		ok := hmac.Equal(p[:signatureSize], m.signature(place, p[signatureSize:]))
		secret.Put(m)
		if ok {
			return p[signatureSize:], nil
		}
	}
	return nil, fault.ErrUnsigned
}

// overhead returns the size of the signature in bytes, 0 if messages are not signed.
func (w *Wire) overhead() int {
	if w.signer == nil {
		return 0
	}
	return signatureSize
}

// unsigned is the space for a signature.
var unsigned [signatureSize]byte

// reserve appends space for a signature to dst, if messages are signed.
func (w *Wire) reserve(dst []byte) []byte {
	return append(dst, unsigned[:w.overhead()]...)
}

// seal signs p, which begins with the space that reserve added.
func (w *Wire) seal(place string, p []byte) {
	if w.signer != nil {
		w.signer.sign(place, p)
	}
}

// Open returns a message of a channel without its signature, or fault.ErrUnsigned. If messages are not signed, it
// returns p.
func (w *Wire) Open(channel string, p []byte) ([]byte, error) {
	if w.signer == nil {
		return p, nil
	}
	return w.signer.open(channel, p)
}

// CheckSecrets returns a *fault.ConfigError for secrets that cannot be used.
func CheckSecrets(secret, previous []byte) error {
	const short = "is shorter than 16 bytes: an attacker who reads one message could find it by brute force"
	switch {
	case len(secret) > 0 && len(secret) < MinSecret:
		return &fault.ConfigError{Field: "Secret", Reason: short}
	case len(previous) > 0 && len(previous) < MinSecret:
		return &fault.ConfigError{Field: "PreviousSecret", Reason: short}
	case len(previous) > 0 && len(secret) == 0:
		return &fault.ConfigError{Field: "PreviousSecret", Reason: "is set without Secret: nothing would be signed"}
	}
	return nil
}
