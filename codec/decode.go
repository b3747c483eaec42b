package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Decode decodes v into the value that into points to, as encoding/json would: bytes go to a []byte, and to an any as
// []byte; numbers go to an any as float64; a time goes to an any or a string as the text that JavaScript's toJSON
// writes. Bytes that came through JSON as Node.js's {"type":"Buffer","data":[…]} go to a []byte too. What is decoded
// shares no memory with v.
func (v Value) Decode(into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return &json.InvalidUnmarshalError{Type: reflect.TypeOf(into)}
	}
	if p, ok := v.Bytes(JSON); ok && !bytes.Contains(p, bufferMark) {
		return json.Unmarshal(p, into)
	}
	t, err := v.Tree()
	if err != nil {
		return err
	}
	return decodeTree(t, target, MaxDepth)
}

var bufferMark = []byte(`"Buffer"`)

// special reports whether t has something in it that JSON cannot say: bytes, a time, or a Buffer of Node.js.
func special(t any, depth int) bool {
	if depth < 0 {
		return true // for decodeTree to refuse
	}
	switch t := t.(type) {
	case []byte, time.Time:
		return true
	case []any:
		for _, e := range t {
			if special(e, depth-1) {
				return true
			}
		}
	case Object:
		if _, ok := BufferBytes(t); ok {
			return true
		}
		for _, m := range t {
			if special(m.Value, depth-1) {
				return true
			}
		}
	}
	return false
}

// decodeTree decodes t into v, which is a pointer or can be set. All that JSON can say is left to encoding/json, so
// that its rules hold; what is done here are the ways to what it cannot.
func decodeTree(t any, v reflect.Value, depth int) error {
	if depth < 0 {
		return errTooDeep
	}
	if !special(t, depth) {
		return throughJSON(t, v, bytesRefused)
	}
	v = follow(v)
	switch {
	case v.Type() == valueType:
		v.Set(reflect.ValueOf(FromTree(t)))
		return nil
	case v.Type() == argsType:
		a, err := ArgsOf(FromTree(t))
		if err == nil {
			v.Set(reflect.ValueOf(a))
		}
		return err
	case v.Type() == timeType:
		if t, ok := t.(time.Time); ok {
			v.Set(reflect.ValueOf(t))
			return nil
		}
		return throughJSON(t, v, bytesAsBase64)
	case reflect.PointerTo(v.Type()).Implements(unmarshalerType):
		return throughJSON(t, v, bytesAsBase64)
	case v.Kind() == reflect.Interface && v.NumMethod() == 0:
		out, err := plain(t, depth)
		switch {
		case err != nil:
			return err
		case out == nil: // a time that has no text
			v.SetZero()
		default:
			v.Set(reflect.ValueOf(out))
		}
		return nil
	}
	switch t := t.(type) {
	case []byte:
		return decodeBytes(t, v)
	case []any:
		return decodeArray(t, v, depth-1)
	case Object:
		if p, ok := BufferBytes(t); ok && takesBytes(v.Type()) {
			return decodeBytes(p, v)
		}
		return decodeObject(t, v, depth-1)
	}
	return throughJSON(t, v, bytesRefused) // a time
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

// follow goes through pointers, which it makes where there are none, to what is to be set.
func follow(v reflect.Value) reflect.Value {
	for range maxSearch { // a pointer may point to itself
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

// plain is t with the types that encoding/json puts in an any.
func plain(t any, depth int) (out any, err error) {
	if depth < 0 {
		return nil, errTooDeep
	}
	switch t := t.(type) {
	case int64:
		return float64(t), nil
	case uint64:
		return float64(t), nil
	case []byte:
		return append([]byte{}, t...), nil
	case time.Time:
		if p := appendTime(nil, t); p[0] == '"' {
			return string(p[1 : len(p)-1]), nil
		}
		return nil, nil
	case []any:
		list := make([]any, len(t))
		for i, e := range t {
			if list[i], err = plain(e, depth-1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case Object:
		m := make(map[string]any, len(t))
		for _, e := range t {
			if m[e.Key], err = plain(e.Value, depth-1); err != nil {
				return nil, err
			}
		}
		return m, nil
	case nil, bool, string, float64:
		return t, nil
	}
	return nil, errNoTree(t)
}

// takesBytes reports whether bytes can be put in a value of type t.
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

func decodeArray(list []any, v reflect.Value, depth int) error {
	switch v.Kind() {
	case reflect.Slice:
		if v.Cap() < len(list) {
			v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		}
		v.SetLen(len(list))
	case reflect.Array:
	default:
		return &json.UnmarshalTypeError{Value: "array", Type: v.Type()}
	}
	for i := range v.Len() {
		v.Index(i).SetZero()
		if i >= len(list) {
			continue
		}
		if err := decodeTree(list[i], v.Index(i), depth); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return nil
}

// decodeObject leaves the members that JSON can say to encoding/json, all at once, and does the others itself.
func decodeObject(o Object, v reflect.Value, depth int) error {
	if k := v.Kind(); k != reflect.Map && k != reflect.Struct {
		return &json.UnmarshalTypeError{Value: "object", Type: v.Type()}
	}
	var easy, hard Object
	for _, m := range o {
		if special(m.Value, depth) {
			hard = append(hard, m)
		} else {
			easy = append(easy, m)
		}
	}
	if err := throughJSON(easy, v, bytesRefused); err != nil {
		return err
	}
	for _, m := range hard {
		var err error
		if v.Kind() == reflect.Map {
			err = decodeEntry(m, v, depth)
		} else {
			err = decodeField(m, v, depth)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.Key, err)
		}
	}
	return nil
}

// decodeEntry decodes into a map, which encoding/json has made. It lets encoding/json read the key.
func decodeEntry(m Member, v reflect.Value, depth int) error {
	keys := reflect.New(reflect.MapOf(v.Type().Key(), reflect.TypeFor[struct{}]()))
	if err := throughJSON(Object{{m.Key, nil}}, keys, bytesRefused); err != nil {
		return err
	}
	elem := reflect.New(v.Type().Elem()).Elem()
	if err := decodeTree(m.Value, elem, depth); err != nil {
		return err
	}
	for _, key := range keys.Elem().MapKeys() {
		v.SetMapIndex(key, elem)
	}
	return nil
}

func decodeField(m Member, v reflect.Value, depth int) error {
	f, ok := fieldsOf(v.Type()).match(m.Key)
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
	return decodeTree(m.Value, v, depth)
}
