package codec

import (
	"math"
	"reflect"
	"strconv"
	"sync"

	"github.com/backplane-go/backplane/codec/internal/jsontext"
)

// flatField is a field of a struct that has nothing but strings, booleans and numbers. Such structs are what most events
// carry, and they are written without encoding/json.
type flatField struct {
	index int
	kind  reflect.Kind
	key   string // as it stands before the value, with a comma
	omit  bool   // where it is zero
}

// flats remembers the fields of each type, none if it is no flat struct or pointer to one.
var flats sync.Map // reflect.Type to []flatField

func flatFields(t reflect.Type) []flatField {
	if known, ok := flats.Load(t); ok {
		return known.([]flatField)
	}
	known, _ := flats.LoadOrStore(t, lookFlat(t))
	return known.([]flatField)
}

func lookFlat(t reflect.Type) (flat []flatField) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || encodesItself(t) {
		return nil
	}
	for _, f := range fieldsOf(t).list {
		switch {
		case len(f.index) > 1, f.quoted, encodesItself(f.typ), f.typ == numberType, f.omitZero && reflect.PointerTo(f.typ).Implements(zeroerType):
			return nil
		case f.typ.Kind() == reflect.Float32, f.typ.Kind() == reflect.Uintptr, !scalar(f.typ.Kind()):
			return nil
		}
		key := append(jsontext.AppendString([]byte{','}, f.name), ':')
		flat = append(flat, flatField{index: f.index[0], kind: f.typ.Kind(), key: string(key), omit: f.omitEmpty || f.omitZero})
	}
	return flat
}

// encodesItself reports whether encoding/json asks values of type t, or pointers to them.
func encodesItself(t reflect.Type) bool { return marshals(reflect.PointerTo(t)) }

// flat writes v if it is a flat struct, or a pointer to one. If it is false nothing was written.
func (w *jsonWriter) flat(v any, depth int) bool {
	fields := flatFields(reflect.TypeOf(v))
	if len(fields) == 0 || depth == 0 {
		return false
	}
	s := reflect.ValueOf(v)
	if s.Kind() == reflect.Pointer {
		if s.IsNil() {
			return false
		}
		s = s.Elem()
	}
	start := len(w.p)
	p := w.p
	for i := range fields {
		f := &fields[i]
		field := s.Field(f.index)
		if f.omit && field.IsZero() {
			continue
		}
		p = append(p, f.key...)
		switch k := f.kind; {
		case k == reflect.String:
			p = jsontext.AppendString(p, field.String())
		case k == reflect.Bool:
			p = strconv.AppendBool(p, field.Bool())
		case k == reflect.Float64:
			n := field.Float()
			if math.IsNaN(n) || math.IsInf(n, 0) {
				return false // encoding/json says what is wrong
			}
			p = appendFloat(p, n)
		case field.CanInt():
			p = strconv.AppendInt(p, field.Int(), 10)
		default:
			p = strconv.AppendUint(p, field.Uint(), 10)
		}
	}
	if len(p) == start {
		p = append(p, ',')
	}
	p[start] = '{'
	w.p = append(p, '}')
	return true
}
