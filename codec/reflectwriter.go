package codec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// maxPointers is how many pointers may be followed before a value counts as cyclic.
const maxPointers = 4 * MaxDepth

// reflected writes v by the rules of encoding/json, except that it keeps bytes aside. s must be the shape of v's
// type.
func (w *jsonWriter) reflected(s *shape, v reflect.Value, depth int) error {
	if s.addr != methodNone && v.CanAddr() {
		return w.marshaled(s.addr, v.Addr(), depth)
	}
	switch s.form {
	case formScalar:
		p, ok := appendScalar(w.p, s.kind, v)
		if !ok {
			return w.encode(v.Interface(), depth) // it returns the error
		}
		w.p = p
		return nil
	case formNumber:
		return w.number(v)
	case formStruct:
		return w.structure(s.fields, v, depth)
	case formArray:
		if s.kind == reflect.Slice && v.IsNil() {
			break
		}
		return w.elements(s.elem, v, depth)
	case formMethod:
		return w.marshaled(s.self, v, depth)
	case formValue:
		return w.encoded(v.Interface().(Value), depth)
	case formArgs:
		return w.encoded(v.Interface().(Args).v, depth)
	case formUnsupported:
		return &json.UnsupportedTypeError{Type: s.typ}
	default: // the forms that may be nil
		if v.IsNil() {
			break
		}
		switch s.form {
		case formInterface:
			return w.value(v.Elem().Interface(), depth)
		case formBytes:
			return w.bytes(v.Bytes())
		case formMap:
			return w.entries(s.elem, v, depth)
		}
		if w.pointers++; w.pointers > maxPointers {
			return errTooDeep
		}
		err := w.reflected(s.elem, v.Elem(), depth)
		w.pointers--
		return err
	}
	w.p = append(w.p, "null"...)
	return nil
}

// appendScalar appends a value of formScalar. ok is false for NaN and infinity, which JSON cannot represent.
func appendScalar(p []byte, k reflect.Kind, v reflect.Value) (out []byte, ok bool) {
	switch {
	case k == reflect.String:
		return jsontext.AppendString(p, v.String()), true
	case k == reflect.Bool:
		return strconv.AppendBool(p, v.Bool()), true
	case k <= reflect.Int64:
		return strconv.AppendInt(p, v.Int(), 10), true
	case k <= reflect.Uintptr:
		return strconv.AppendUint(p, v.Uint(), 10), true
	}
	f := v.Float()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return p, false
	}
	if k == reflect.Float32 {
		return appendFloat(p, f, 32), true
	}
	return appendFloat(p, f, 64), true
}

// number writes a json.Number. As in encoding/json, an empty one is 0.
func (w *jsonWriter) number(v reflect.Value) error {
	s := v.String()
	if s == "" {
		s = "0"
	}
	if end, err := jsontext.SkipNumber([]byte(s), 0); err != nil || end != len(s) {
		return w.encode(v.Interface(), 0) // it returns the error
	}
	w.p = append(w.p, s...)
	return nil
}

// marshaled writes the result of the method m of v.
func (w *jsonWriter) marshaled(m method, v reflect.Value, depth int) error {
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		w.p = append(w.p, "null"...)
		return nil
	}
	self := v.Interface()
	if m == methodJSON {
		if p, err := self.(json.Marshaler).MarshalJSON(); err == nil && w.raw(p, depth) {
			return nil
		}
	} else if p, err := self.(encoding.TextMarshaler).MarshalText(); err == nil {
		w.p = jsontext.AppendString(w.p, string(p))
		return nil
	}
	return w.encode(self, depth) // it returns the error
}

func (w *jsonWriter) elements(elem *shape, v reflect.Value, depth int) error {
	if depth == 0 {
		return errTooDeep
	}
	w.p = append(w.p, '[')
	for i := range v.Len() {
		if i > 0 {
			w.p = append(w.p, ',')
		}
		if err := w.reflected(elem, v.Index(i), depth-1); err != nil {
			return err
		}
	}
	w.p = append(w.p, ']')
	return nil
}

func (w *jsonWriter) entries(elem *shape, v reflect.Value, depth int) error {
	if depth == 0 {
		return errTooDeep
	}
	type entry struct {
		key   string
		value reflect.Value
	}
	list := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		key, err := mapKey(it.Key())
		if err != nil {
			return err
		}
		list = append(list, entry{key, it.Value()})
	}
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	w.p = append(w.p, '{')
	for i, e := range list {
		if i > 0 {
			w.p = append(w.p, ',')
		}
		w.p = append(jsontext.AppendString(w.p, e.key), ':')
		if err := w.reflected(elem, e.value, depth-1); err != nil {
			return err
		}
	}
	w.p = append(w.p, '}')
	return nil
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

func (w *jsonWriter) structure(fields *structFields, v reflect.Value, depth int) error {
	if depth == 0 {
		return errTooDeep
	}
	start := len(w.p)
	for i := range fields.list {
		f := &fields.list[i]
		fv, ok := f.valueIn(v)
		if !ok || f.omits && f.omit(fv) {
			continue
		}
		w.p = append(w.p, f.key...)
		if f.simple && !f.quoted {
			if w.p, ok = appendScalar(w.p, f.shape.kind, fv); ok {
				continue
			}
		}
		write := w.reflected
		if f.quoted {
			write = w.quoted
		}
		if err := write(f.shape, fv, depth-1); err == errTooDeep {
			return err // adding the name of each level would make the text very long
		} else if err != nil {
			return fmt.Errorf("%v.%s: %w", v.Type(), f.name, err)
		}
	}
	if len(w.p) == start {
		w.p = append(w.p, ',')
	}
	w.p[start] = '{' // replaces the comma of the first key
	w.p = append(w.p, '}')
	return nil
}

// quoted writes the JSON of a field as a string, which the option "string" asks for. null stays null, and the option
// does not apply to types with a method.
func (w *jsonWriter) quoted(s *shape, v reflect.Value, depth int) error {
	start := len(w.p)
	err := w.reflected(s, v, depth)
	text := string(w.p[start:])
	if err != nil || text == "null" || s.self != methodNone || s.addr != methodNone && v.CanAddr() {
		return err
	}
	w.p = jsontext.AppendString(w.p[:start], text)
	return nil
}
