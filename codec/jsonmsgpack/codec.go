// Package jsonmsgpack is being written.
package jsonmsgpack

import (
	"errors"

	"github.com/backplane-go/backplane/codec"
)

// Codec is the codec.
type Codec struct{}

var (
	_ codec.Codec  = Codec{}
	_ codec.Peeker = Codec{}
)

var errNotYet = errors.New("jsonmsgpack: not written yet")

// Append is not written yet.
func (Codec) Append(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	return dst, errNotYet
}

// Parse is not written yet.
func (Codec) Parse(p []byte, f codec.Format) (*codec.Envelope, error) { return nil, errNotYet }

// Peek is not written yet.
func (Codec) Peek(p []byte, f codec.Format) (codec.Header, bool) { return codec.Header{}, false }
