package jsonmsgpack

import (
	"bytes"

	"github.com/backplane-go/backplane/codec"
)

var bufferMark = []byte(`"Buffer"`)

// reviveBuffers replaces the JSON form of Node.js Buffers in v, {"type":"Buffer","data":[…]}, with bytes. It
// decodes v only if v is JSON that may hold a Buffer.
func reviveBuffers(v codec.Value) (codec.Value, error) {
	if raw, ok := v.Bytes(codec.JSON); !ok || !bytes.Contains(raw, bufferMark) {
		return v, nil
	}
	t, err := v.Tree()
	if err != nil {
		return v, err
	}
	if t, found := reviveTree(t); found {
		return codec.FromTree(t), nil
	}
	return v, nil
}

// reviveTree changes t in place. The caller must hold the only reference to t.
func reviveTree(t any) (out any, found bool) {
	switch t := t.(type) {
	case []any:
		for i, e := range t {
			v, ok := reviveTree(e)
			t[i], found = v, found || ok
		}
	case codec.Object:
		if p, ok := codec.BufferBytes(t); ok {
			return p, true
		}
		for i, m := range t {
			v, ok := reviveTree(m.Value)
			t[i].Value, found = v, found || ok
		}
	}
	return t, found
}
