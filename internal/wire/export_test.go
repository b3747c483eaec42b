package wire

import "github.com/backplane-go/backplane/codec"

// Encode appends env to dst in the form for the bus or, if toStore is true, for the store.
func (w *Wire) Encode(dst []byte, env *codec.Envelope) (p []byte, toStore bool, err error) {
	e, err := w.encode(dst, env)
	return e.p, e.toStore, err
}
