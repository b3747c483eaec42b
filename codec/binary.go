package codec

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sync"
)

var (
	valueType           = reflect.TypeFor[Value]()
	argsType            = reflect.TypeFor[Args]()
	marshalerType       = reflect.TypeFor[json.Marshaler]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// carriers remembers of each type whether its values can hold bytes.
var carriers sync.Map // reflect.Type to bool

// canHoldBytes reports whether a value of type t can have bytes in it: a []byte, or an interface that may have one.
func canHoldBytes(t reflect.Type) bool {
	if known, ok := carriers.Load(t); ok {
		return known.(bool)
	}
	can := reachesBytes(t, map[reflect.Type]bool{})
	carriers.Store(t, can)
	return can
}

// reachesBytes is canHoldBytes without its memory. visited are the types that are being looked at, or need no look.
func reachesBytes(t reflect.Type, visited map[reflect.Type]bool) bool {
	if visited[t] {
		return false
	}
	visited[t] = true
	if t == valueType || t == argsType {
		return true
	}
	if marshals(t) {
		return false
	}
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Slice:
		return isByteSlice(t) || reachesBytes(t.Elem(), visited)
	case reflect.Array, reflect.Map, reflect.Pointer:
		return reachesBytes(t.Elem(), visited)
	case reflect.Struct:
		for _, f := range fieldsOf(t).list {
			if reachesBytes(f.typ, visited) {
				return true
			}
		}
	}
	return false
}

// marshals reports whether values of type t encode themselves, to JSON or text.
func marshals(t reflect.Type) bool {
	return t.Implements(marshalerType) || t.Implements(textMarshalerType)
}

// isByteSlice reports whether encoding/json treats t as []byte.
func isByteSlice(t reflect.Type) bool {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Uint8 {
		return false
	}
	return !marshals(reflect.PointerTo(t.Elem()))
}

// maxSearch is how many levels, pointers and interfaces included, a value may have before it counts as endless.
const maxSearch = 4 * MaxDepth

// holdsBytes reports whether v has bytes in it.
func holdsBytes(v any) (bool, error) { return searchAny(v, maxSearch) }

// searchAny knows the usual types without reflection.
func searchAny(v any, depth int) (bool, error) {
	if depth == 0 {
		return false, errTooDeep
	}
	switch v := v.(type) {
	case nil, string, bool, int, int64, int32, uint, uint64, uint32, float64, float32, []string, map[string]string:
		return false, nil
	case []byte:
		return v != nil, nil
	case Value:
		return v.holdsBytes()
	case Args:
		return v.v.holdsBytes()
	case map[string]any:
		for _, e := range v {
			if found, err := searchAny(e, depth-1); found || err != nil {
				return found, err
			}
		}
		return false, nil
	case json.RawMessage:
		return false, nil
	case []any:
		for _, e := range v {
			if found, err := searchAny(e, depth-1); found || err != nil {
				return found, err
			}
		}
		return false, nil
	}
	return search(reflect.ValueOf(v), depth)
}

func search(v reflect.Value, depth int) (bool, error) {
	if depth == 0 {
		return false, errTooDeep
	}
	if !canHoldBytes(v.Type()) {
		return false, nil
	}
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() && v.CanInterface() {
			return searchAny(v.Elem().Interface(), depth-1)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return search(v.Elem(), depth-1)
		}
	case reflect.Slice, reflect.Array:
		if isByteSlice(v.Type()) {
			return !v.IsNil(), nil
		}
		for i := range v.Len() {
			if found, err := search(v.Index(i), depth-1); found || err != nil {
				return found, err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if found, err := search(it.Value(), depth-1); found || err != nil {
				return found, err
			}
		}
	case reflect.Struct:
		switch v.Type() {
		case valueType:
			return v.Interface().(Value).holdsBytes()
		case argsType:
			return v.Interface().(Args).v.holdsBytes()
		}
		for _, f := range fieldsOf(v.Type()).list {
			fv, ok := f.in(v)
			if !ok || f.omit(fv) {
				continue
			}
			if found, err := search(fv, depth-1); found || err != nil {
				return found, err
			}
		}
	}
	return false, nil
}

// holdsBytes reports whether v has bytes in it.
func (v Value) holdsBytes() (bool, error) {
	if v.enc == JSON {
		return false, nil
	}
	t, err := v.Tree()
	if err != nil {
		return false, err
	}
	return treeHoldsBytes(t, MaxDepth)
}

func treeHoldsBytes(t any, depth int) (bool, error) {
	if depth < 0 {
		return false, errTooDeep
	}
	switch t := t.(type) {
	case []byte:
		return true, nil
	case []any:
		for _, e := range t {
			if found, err := treeHoldsBytes(e, depth-1); found || err != nil {
				return found, err
			}
		}
	case Object:
		for _, m := range t {
			if found, err := treeHoldsBytes(m.Value, depth-1); found || err != nil {
				return found, err
			}
		}
	}
	return false, nil
}
