package codec

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/codec/internal/jsontext"
	"github.com/backplane-go/backplane/internal/excerpt"
)

// encodeTree makes a tree of a value that holds bytes, by the rules of encoding/json for all else.
func encodeTree(v any) (any, error) {
	e := treeEncoder{depth: maxUserDepth, steps: maxSearch}
	return e.value(reflect.ValueOf(v))
}

type treeEncoder struct {
	depth int // how many more arrays and maps may stand inside each other
	steps int // the same with pointers and interfaces
}

func (e treeEncoder) value(v reflect.Value) (any, error) {
	if !v.IsValid() {
		return nil, nil
	}
	if e.steps--; e.steps < 0 {
		return nil, errTooDeep
	}
	if t, done, err := e.marshaled(v); done || err != nil {
		return t, err
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return e.value(v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return nil, nil
		}
		if isByteSlice(v.Type()) {
			return bytes.Clone(v.Bytes()), nil
		}
		return e.array(v)
	case reflect.Array:
		return e.array(v)
	case reflect.Map:
		return e.object(v)
	case reflect.Struct:
		return e.structure(v)
	}
	return scalarTree(v)
}

// marshaled handles what encodes itself.
func (e treeEncoder) marshaled(v reflect.Value) (t any, done bool, err error) {
	switch v.Type() {
	case valueType:
		return e.spliced(v.Interface().(Value))
	case argsType:
		return e.spliced(v.Interface().(Args).v)
	}
	m := v
	if v.Kind() != reflect.Pointer && v.CanAddr() && marshals(reflect.PointerTo(v.Type())) {
		m = v.Addr()
	}
	if !marshals(m.Type()) || !m.CanInterface() {
		return nil, false, nil
	}
	if (m.Kind() == reflect.Pointer || m.Kind() == reflect.Interface) && m.IsNil() {
		return nil, true, nil
	}
	if m.Type().Implements(marshalerType) {
		p, err := m.Interface().(json.Marshaler).MarshalJSON()
		if err == nil {
			p = jsontext.ValidUTF8(p)
			err = checkJSON(p, e.depth)
		}
		if err != nil {
			return nil, true, fmt.Errorf("%v: %w", v.Type(), err)
		}
		t, err = JSON.Tree(p)
		return t, true, err
	}
	p, err := m.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return nil, true, fmt.Errorf("%v: %w", v.Type(), err)
	}
	return string(p), true, nil
}

func (e treeEncoder) spliced(v Value) (any, bool, error) {
	t, err := v.Tree()
	return t, true, err
}

// inside is e for the elements of an array or a map.
func (e treeEncoder) inside() (treeEncoder, error) {
	if e.depth--; e.depth < 0 {
		return e, errTooDeep
	}
	return e, nil
}

func (e treeEncoder) array(v reflect.Value) (any, error) {
	e, err := e.inside()
	if err != nil {
		return nil, err
	}
	list := make([]any, v.Len())
	for i := range list {
		if list[i], err = e.value(v.Index(i)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (e treeEncoder) object(v reflect.Value) (any, error) {
	if v.IsNil() {
		return nil, nil
	}
	e, err := e.inside()
	if err != nil {
		return nil, err
	}
	o := make(Object, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		var m Member
		if m.Key, err = mapKey(it.Key()); err != nil {
			return nil, err
		}
		if m.Value, err = e.value(it.Value()); err != nil {
			return nil, err
		}
		o = append(o, m)
	}
	slices.SortFunc(o, func(a, b Member) int { return strings.Compare(a.Key, b.Key) })
	return o, nil
}

func mapKey(k reflect.Value) (string, error) {
	if k.Kind() == reflect.String {
		return k.String(), nil
	}
	if k.Type().Implements(textMarshalerType) {
		if k.Kind() == reflect.Pointer && k.IsNil() {
			return "", nil
		}
		p, err := k.Interface().(encoding.TextMarshaler).MarshalText()
		return string(p), err
	}
	switch {
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10), nil
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10), nil
	}
	return "", &json.UnsupportedTypeError{Type: k.Type()}
}

func (e treeEncoder) structure(v reflect.Value) (any, error) {
	e, err := e.inside()
	if err != nil {
		return nil, err
	}
	fields := fieldsOf(v.Type()).list
	o := make(Object, 0, len(fields))
	for i := range fields {
		f := &fields[i]
		fv, ok := f.in(v)
		if !ok || f.omit(fv) {
			continue
		}
		t, err := e.value(fv)
		if err != nil {
			return nil, fmt.Errorf("%v.%s: %w", v.Type(), f.name, err)
		}
		if f.quoted && t != nil {
			t = quote(fv, t)
		}
		o = append(o, Member{f.name, t})
	}
	return o, nil
}

// quote does what the option "string" asks for: a scalar becomes a string of its JSON.
func quote(v reflect.Value, t any) any {
	if marshals(v.Type()) || v.CanAddr() && marshals(reflect.PointerTo(v.Type())) {
		return t
	}
	p, err := appendTree(nil, t, bytesRefused, 0)
	if err != nil {
		return t
	}
	return string(p)
}

// scalarTree handles what holds nothing else.
func scalarTree(v reflect.Value) (any, error) {
	switch {
	case v.Kind() == reflect.Bool:
		return v.Bool(), nil
	case v.CanInt():
		return v.Int(), nil
	case v.CanUint():
		if u := v.Uint(); u > math.MaxInt64 {
			return u, nil
		}
		return int64(v.Uint()), nil
	case v.CanFloat():
		return floatTree(v)
	case v.Type() == numberType:
		return numberTree(v.String())
	case v.Kind() == reflect.String:
		return v.String(), nil
	}
	return nil, &json.UnsupportedTypeError{Type: v.Type()}
}

// floatTree widens a float32 so that it keeps its decimal form.
func floatTree(v reflect.Value) (any, error) {
	f := v.Float()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, &json.UnsupportedValueError{Value: v, Str: strconv.FormatFloat(f, 'g', -1, 64)}
	}
	if v.Kind() == reflect.Float32 {
		return strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
	}
	return f, nil
}

var numberType = reflect.TypeFor[json.Number]()

func numberTree(s string) (any, error) {
	if s == "" {
		return int64(0), nil // as encoding/json does
	}
	if end, err := jsontext.SkipNumber([]byte(s), 0); err != nil || end != len(s) {
		return nil, fmt.Errorf("json: invalid number %q", excerpt.Of(s))
	}
	return parseNumber(s), nil
}
