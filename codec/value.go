package codec

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// Value is user data on its way through: kept in the bytes it came in, or as a tree when it was made here and holds
// bytes, which JSON cannot carry. The zero Value is null. A Value never changes and is safe for concurrent use.
type Value struct {
	enc  Encoding // nil: the value is in tree
	raw  []byte
	tree any // it may be a withRest: one field for what few have, as Values are copied often
}

// NewValue encodes v with the rules of encoding/json, but for two things: []byte at any depth is binary data, not
// base64, and a Value or Args anywhere in v becomes part of the result as it is. Nothing of v is kept. The error is
// an *EncodeError, also when a MarshalJSON or MarshalText panics: a *PanicError is in it then.
func NewValue(v any) (Value, error) {
	out, err := encodeValue(v)
	return out, encodeError(err)
}

// RawJSON makes a Value of one JSON text, which is checked: its grammar, its UTF-8, and that it nests no deeper than
// a user's value may. It keeps p: the caller must not change p afterwards.
func RawJSON(p []byte) (Value, error) {
	if err := checkJSON(p, maxUserDepth); err != nil {
		return Value{}, err
	}
	return Raw(JSON, p), nil
}

// Raw makes a Value of bytes that are known to be one valid value in enc. It is meant for codecs. It keeps p: the
// caller must not change p afterwards.
func Raw(enc Encoding, p []byte) Value {
	if len(p) == 0 {
		return Value{}
	}
	return Value{enc: enc, raw: p[:len(p):len(p)]}
}

// FromTree makes a Value of a tree as Encoding.Tree returns it. It keeps t: the caller must not change t afterwards.
// What is no tree is only found when the Value is encoded or decoded.
func FromTree(t any) Value { return Value{tree: t} }

// IsNull reports whether v is null.
func (v Value) IsNull() bool {
	switch {
	case v.enc == nil:
		return v.alone().tree == nil
	case v.enc == JSON:
		return string(bytes.TrimSpace(v.raw)) == "null"
	case len(v.raw) > 4: // longer than any encoding's null
		return false
	}
	t, err := v.Tree()
	return err == nil && t == nil
}

// Encoding is what v is kept in, nil if it is a tree.
func (v Value) Encoding() Encoding { return v.enc }

// Bytes returns v's bytes if it is kept in enc. They must not be changed.
func (v Value) Bytes(enc Encoding) ([]byte, bool) {
	if v.enc == nil || v.enc != enc {
		return nil, false
	}
	return v.raw, true
}

// Tree returns v as a tree of the types that Encoding lists. Neither the tree nor the bytes in it may be changed.
func (v Value) Tree() (any, error) {
	if v.enc == nil {
		return v.alone().tree, nil
	}
	return v.enc.Tree(v.raw)
}

// Elements returns the elements of an array. Like Tree, they share memory with v. Anything else is an error that wraps
// ErrMalformed.
func (v Value) Elements() ([]Value, error) { return v.AppendElements(nil, math.MaxInt) }

// AppendElements is Elements, appended to dst, but no more than most of them: an array of many small elements takes much
// less room than they do as Values. dst is as it was if there is an error.
func (v Value) AppendElements(dst []Value, most int) ([]Value, error) {
	before := len(dst)
	if p, ok := v.Bytes(JSON); ok {
		err := eachElement(p, MaxDepth, func(elem []byte) {
			if len(dst)-before < most {
				dst = append(dst, Raw(JSON, elem))
			}
		})
		if err != nil {
			dst = dst[:before]
		}
		return dst, err
	}
	t, err := v.Tree()
	if err != nil {
		return dst, err
	}
	list, ok := t.([]any)
	if !ok {
		return dst, fmt.Errorf("%w: not an array", ErrMalformed)
	}
	list = list[:max(0, min(len(list), most))]
	dst = slices.Grow(dst, len(list))
	for _, e := range list {
		dst = append(dst, FromTree(e))
	}
	return dst, nil
}

// JSON returns v as JSON text. It is ErrBinary if v holds bytes. The text must not be changed.
func (v Value) JSON() ([]byte, error) {
	if v.enc == JSON {
		return v.raw, nil
	}
	return v.AppendJSON(nil)
}

// AppendJSON appends v as JSON text to dst. It is ErrBinary if v holds bytes; a time becomes text as JavaScript's
// toJSON writes it. What is JSON already is appended as it is.
func (v Value) AppendJSON(dst []byte) ([]byte, error) { return v.appendJSON(dst, bytesRefused) }

// AppendJSONBuffers is AppendJSON, but writes bytes as Node.js's JSON.stringify writes a Buffer:
// {"type":"Buffer","data":[1,2,3]}.
func (v Value) AppendJSONBuffers(dst []byte) ([]byte, error) { return v.appendJSON(dst, bytesAsBuffer) }

func (v Value) appendJSON(dst []byte, as bytesAs) ([]byte, error) {
	if v.enc == JSON {
		return append(dst, v.raw...), nil
	}
	t, err := v.Tree()
	if err != nil {
		return dst, err
	}
	return appendTree(dst, t, as, MaxDepth)
}

// MarshalJSON writes v for logs and tests: bytes become base64 text, as encoding/json writes them.
func (v Value) MarshalJSON() ([]byte, error) { return v.appendJSON(nil, bytesAsBase64) }

// UnmarshalJSON is RawJSON with a copy of p.
func (v *Value) UnmarshalJSON(p []byte) error {
	out, err := RawJSON(bytes.Clone(p))
	if err == nil {
		*v = out
	}
	return err
}

// String returns v as MarshalJSON does, for logs.
func (v Value) String() string {
	p, err := v.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("<%v>", err)
	}
	return string(p)
}
