package codec

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// Value is user data. It keeps the bytes that it arrived in. A Value that was made from Go values and holds bytes is
// a tree instead, because JSON cannot represent bytes. The zero Value is null. A Value is immutable and safe for
// concurrent use.
type Value struct {
	enc  Encoding // nil if the value is in tree
	raw  []byte
	tree any // a tree, or a withRest: a separate field would make every Value larger, and Values are copied often
}

// NewValue encodes v by the rules of encoding/json, with two differences: a []byte at any depth is binary data, not
// base64, and a Value or Args in v becomes part of the result unchanged. The result shares no memory with v. The
// error is an *EncodeError. If a MarshalJSON or MarshalText panics, it wraps a *PanicError.
func NewValue(v any) (Value, error) {
	out, err := encodeValue(v)
	return out, encodeError(err)
}

// RawJSON returns p as a Value. It checks the syntax and the UTF-8, and allows the same depth as NewValue. The
// Value keeps p, so the caller must not change p afterwards.
func RawJSON(p []byte) (Value, error) {
	if err := checkJSON(p, maxUserDepth); err != nil {
		return Value{}, err
	}
	return Raw(JSON, p), nil
}

// Raw returns p as a Value without checking it. p must be one valid value in enc. It is meant for codecs. The Value
// keeps p, so the caller must not change p afterwards.
func Raw(enc Encoding, p []byte) Value {
	if len(p) == 0 {
		return Value{}
	}
	return Value{enc: enc, raw: p[:len(p):len(p)]}
}

// FromTree returns t as a Value. t must be a tree as Encoding.Tree returns it. The Value keeps t, so the caller must
// not change t afterwards. An invalid tree is detected only when the Value is encoded or decoded.
func FromTree(t any) Value { return Value{tree: t} }

// IsNull reports whether v is null.
func (v Value) IsNull() bool {
	switch {
	case v.enc == nil:
		return v.withoutRest().tree == nil
	case v.enc == JSON:
		return string(bytes.TrimSpace(v.raw)) == "null"
	case len(v.raw) > 4: // null is shorter in every encoding
		return false
	}
	t, err := v.Tree()
	return err == nil && t == nil
}

// Encoding returns the encoding that v is kept in, or nil if v is a tree.
func (v Value) Encoding() Encoding { return v.enc }

// Bytes returns the bytes of v if it is kept in enc. They must not be changed.
func (v Value) Bytes(enc Encoding) ([]byte, bool) {
	if v.enc == nil || v.enc != enc {
		return nil, false
	}
	return v.raw, true
}

// Tree returns v as a tree of the types that Encoding.Tree lists. The caller must not change the tree or the bytes
// in it.
func (v Value) Tree() (any, error) {
	if v.enc == nil {
		return v.withoutRest().tree, nil
	}
	return v.enc.Tree(v.raw)
}

// Elements returns the elements of an array. They share memory with v. If v is not an array, the error wraps
// ErrMalformed.
func (v Value) Elements() ([]Value, error) { return v.AppendElements(nil, math.MaxInt) }

// AppendElements appends up to most elements of an array to dst. The limit matters because many small elements take
// much more memory as Values than in their encoding. On an error it returns dst unchanged.
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

// JSON returns v as JSON text. It returns ErrBinary if v holds bytes. The caller must not change the text.
func (v Value) JSON() ([]byte, error) {
	if v.enc == JSON {
		return v.raw, nil
	}
	return v.AppendJSON(nil)
}

// AppendJSON appends v as JSON text to dst. It returns ErrBinary if v holds bytes. A time becomes text as
// JavaScript's toJSON writes it. A Value that is JSON is appended unchanged.
func (v Value) AppendJSON(dst []byte) ([]byte, error) { return v.appendJSON(dst, bytesRefused) }

// AppendJSONBuffers is like AppendJSON, but writes bytes in the JSON form of a Node.js Buffer:
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

// MarshalJSON encodes v for logs and tests. Bytes become base64 text, as encoding/json writes them.
func (v Value) MarshalJSON() ([]byte, error) { return v.appendJSON(nil, bytesAsBase64) }

// UnmarshalJSON is RawJSON with a copy of p.
func (v *Value) UnmarshalJSON(p []byte) error {
	out, err := RawJSON(bytes.Clone(p))
	if err == nil {
		*v = out
	}
	return err
}

// String returns the text of MarshalJSON, for logs.
func (v Value) String() string {
	p, err := v.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("<%v>", err)
	}
	return string(p)
}
