package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/guard"
)

// Decode decodes v into the value that into points to, as encoding/json does. Bytes can be decoded into a []byte;
// into an any they are decoded as []byte. Numbers are decoded into an any as float64. A time is decoded into an any
// or a string as the text that JavaScript's toJSON writes. The JSON form of a Node.js Buffer,
// {"type":"Buffer","data":[…]}, can be decoded into a []byte too. The result shares no memory with v. If an
// UnmarshalJSON or UnmarshalText panics, the error is a *PanicError.
func (v Value) Decode(into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return &json.InvalidUnmarshalError{Type: reflect.TypeOf(into)}
	}
	if s := target.Elem(); v.enc == JSON && s.Kind() == reflect.Struct && readFlat(s, v.raw) {
		return nil
	}
	return v.decode(into, target)
}

func (v Value) decode(into any, target reflect.Value) (err error) {
	defer guard.Catch(&err)
	if p, ok := v.Bytes(JSON); ok && !bytes.Contains(p, bufferMark) {
		return json.Unmarshal(p, into)
	}
	t, err := v.Tree()
	if err != nil {
		return err
	}
	n, err := examine(t, MaxDepth)
	if err != nil {
		return err
	}
	if p, ok := v.Bytes(JSON); ok && !n.special {
		return json.Unmarshal(p, into)
	}
	return n.decode(target)
}

var bufferMark = []byte(`"Buffer"`)

// decode decodes n into v, which is a pointer or can be set. It leaves everything that JSON can represent to
// encoding/json, so that encoding/json's rules apply. It handles only the path to the parts that JSON cannot
// represent.
func (n *node) decode(v reflect.Value) error {
	if !n.special {
		return throughJSON(n.t, v, bytesRefused)
	}
	v = indirect(v)
	switch {
	case v.Type() == valueType:
		v.Set(reflect.ValueOf(FromTree(n.t)))
		return nil
	case v.Type() == argsType:
		a, err := ArgsOf(FromTree(n.t))
		if err == nil {
			v.Set(reflect.ValueOf(a))
		}
		return err
	case v.Type() == timeType:
		if t, ok := n.t.(time.Time); ok {
			v.Set(reflect.ValueOf(t))
			return nil
		}
		return throughJSON(n.t, v, bytesAsBase64)
	case reflect.PointerTo(v.Type()).Implements(unmarshalerType):
		return throughJSON(n.t, v, bytesAsBase64)
	case v.Kind() == reflect.Interface && v.NumMethod() == 0:
		if t := toAny(n.t); t != nil {
			v.Set(reflect.ValueOf(t))
		} else {
			v.SetZero() // a time out of the range of JavaScript's Date
		}
		return nil
	case n.buffer != nil && takesBytes(v.Type()):
		return decodeBytes(n.buffer, v)
	}
	switch t := n.t.(type) {
	case []byte:
		return decodeBytes(t, v)
	case []any:
		return n.decodeArray(v)
	case Object:
		return n.decodeObject(t, v)
	}
	return throughJSON(n.t, v, bytesRefused) // a time
}

var timeType = reflect.TypeFor[time.Time]()

func throughJSON(t any, v reflect.Value, as bytesAs) error {
	p, err := appendTree(nil, t, as, MaxDepth)
	if err != nil {
		return err
	}
	if v.Kind() != reflect.Pointer || v.CanSet() {
		v = v.Addr()
	}
	return json.Unmarshal(p, v.Interface())
}

// indirect follows pointers to the value that is to be set. It allocates for nil pointers.
func indirect(v reflect.Value) reflect.Value {
	for range maxPointers { // a pointer may point to itself
		if v.Kind() == reflect.Interface && !v.IsNil() {
			if e := v.Elem(); e.Kind() == reflect.Pointer && !e.IsNil() {
				v = e
				continue
			}
		}
		if v.Kind() != reflect.Pointer {
			break
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	return v
}

// toAny converts a tree to the types that encoding/json stores in an any. examine must have checked the tree.
func toAny(t any) any {
	switch t := t.(type) {
	case int64:
		return float64(t)
	case uint64:
		return float64(t)
	case []byte:
		return append([]byte{}, t...)
	case time.Time:
		if p := appendTime(nil, t); p[0] == '"' {
			return string(p[1 : len(p)-1])
		}
		return nil
	case []any:
		list := make([]any, len(t))
		for i, e := range t {
			list[i] = toAny(e)
		}
		return list
	case Object:
		m := make(map[string]any, len(t))
		for _, e := range t {
			m[e.Key] = toAny(e.Value)
		}
		return m
	}
	return t
}

// takesBytes reports whether bytes can be decoded into a value of type t.
func takesBytes(t reflect.Type) bool {
	k := t.Kind()
	return (k == reflect.Slice || k == reflect.Array) && t.Elem().Kind() == reflect.Uint8
}

func decodeBytes(p []byte, v reflect.Value) error {
	switch {
	case !takesBytes(v.Type()):
		return &json.UnmarshalTypeError{Value: "bytes", Type: v.Type()}
	case v.Kind() == reflect.Slice:
		v.SetBytes(append([]byte{}, p...))
	default:
		v.SetZero()
		for i := range min(len(p), v.Len()) {
			v.Index(i).SetUint(uint64(p[i]))
		}
	}
	return nil
}

func (n *node) decodeArray(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Slice:
		if v.Cap() < len(n.parts) {
			v.Set(reflect.MakeSlice(v.Type(), len(n.parts), len(n.parts)))
		}
		v.SetLen(len(n.parts))
	case reflect.Array:
	default:
		return &json.UnmarshalTypeError{Value: "array", Type: v.Type()}
	}
	for i := range v.Len() {
		v.Index(i).SetZero()
		if i >= len(n.parts) {
			continue
		}
		if err := n.parts[i].decode(v.Index(i)); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return nil
}

// decodeObject lets encoding/json decode all members that are not special at once, and decodes the special ones
// itself.
func (n *node) decodeObject(o Object, v reflect.Value) error {
	if k := v.Kind(); k != reflect.Map && k != reflect.Struct {
		return &json.UnmarshalTypeError{Value: "object", Type: v.Type()}
	}
	var easy Object
	for i := range o {
		if n.parts == nil || !n.parts[i].special {
			easy = append(easy, o[i])
		}
	}
	if err := throughJSON(easy, v, bytesRefused); err != nil {
		return err
	}
	for i := range n.parts {
		if !n.parts[i].special {
			continue
		}
		decode := n.parts[i].decodeField
		if v.Kind() == reflect.Map {
			decode = n.parts[i].decodeEntry
		}
		if err := decode(o[i].Key, v); err != nil {
			return fmt.Errorf("%s: %w", excerpt.Of(o[i].Key), err)
		}
	}
	return nil
}

// decodeEntry decodes n into an entry of a map. encoding/json has allocated the map, and decodes the key.
func (n *node) decodeEntry(key string, v reflect.Value) error {
	keys := reflect.New(reflect.MapOf(v.Type().Key(), reflect.TypeFor[struct{}]()))
	if err := throughJSON(Object{{key, nil}}, keys, bytesRefused); err != nil {
		return err
	}
	elem := reflect.New(v.Type().Elem()).Elem()
	if err := n.decode(elem); err != nil {
		return err
	}
	for _, key := range keys.Elem().MapKeys() {
		v.SetMapIndex(key, elem)
	}
	return nil
}

func (n *node) decodeField(key string, v reflect.Value) error {
	f, ok := shapeOf(v.Type()).fields.match(key)
	if !ok {
		return nil
	}
	for i, index := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !v.CanSet() {
					return fmt.Errorf("codec: cannot set embedded pointer to unexported struct %v", v.Type().Elem())
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(index)
	}
	return n.decode(v)
}
