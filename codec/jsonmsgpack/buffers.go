package jsonmsgpack

import (
	"bytes"

	"github.com/backplane-go/backplane/codec"
)

var bufferMark = []byte(`"Buffer"`)

// reviveBuffers turns what Node.js's JSON.stringify makes of a Buffer, {"type":"Buffer","data":[…]}, back into bytes.
// It decodes v only if v is JSON that can hold such an object.
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

// reviveTree works in place, as the tree is its own.
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
