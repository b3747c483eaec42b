package codec

import (
	"math"
	"reflect"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec/internal/jsontext"
)

// flatField is a field of a flat struct: one whose fields are all strings, booleans, integers and float64s. Most events carry such
// structs. They are written and read here without encoding/json, by its rules.
type flatField struct {
	index int
	kind  reflect.Kind
	key   string // as it is written before the value: ,"name":
	omit  bool   // the zero value is not written
}

// flats caches the fields of each type. A type that is neither a flat struct nor a pointer to one has none.
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
	if t.Kind() != reflect.Struct || hasMethods(t) {
		return nil
	}
	for _, f := range fieldsOf(t).list {
		switch {
		case len(f.index) > 1, f.quoted, hasMethods(f.typ), f.typ == numberType, f.omitZero && reflect.PointerTo(f.typ).Implements(zeroerType):
			return nil
		case f.typ.Kind() == reflect.Float32, f.typ.Kind() == reflect.Uintptr, !scalar(f.typ.Kind()):
			return nil
		}
		key := append(jsontext.AppendString([]byte{','}, f.name), ':')
		flat = append(flat, flatField{index: f.index[0], kind: f.typ.Kind(), key: string(key), omit: f.omitEmpty || f.omitZero})
	}
	return flat
}

// hasMethods reports whether encoding/json calls a method of t or *t to write or read a value.
func hasMethods(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return marshals(p) || p.Implements(unmarshalerType) || p.Implements(textUnmarshalerType)
}

// flat writes v if it is a flat struct or a pointer to one. Otherwise it writes nothing and returns false.
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

// maxFlatRead is the most fields of a struct that readFlat reads: it looks for a name in all of them.
const maxFlatRead = 32

// readFlat sets the fields of the flat struct s from the object p, which is valid JSON. It reads objects that have no white space,
// no escapes and no nulls, and whose keys are spelled like the fields. It returns false for anything else: encoding/json
// then reads p again, and sets the same fields to the same values.
func readFlat(s reflect.Value, p []byte) bool {
	fields := flatFields(s.Type())
	if len(fields) == 0 || len(fields) > maxFlatRead || len(p) < len(`{"a":1}`) || p[0] != '{' {
		return false
	}
	for expected := 0; ; expected++ {
		name, rest, ok := plainString(p[1:])
		if !ok || len(rest) < 2 || rest[0] != ':' {
			return false
		}
		f := fieldNamed(fields, name, expected)
		if f == nil {
			return false // encoding/json may find a field whose name has other case
		}
		if p, ok = f.read(s.Field(f.index), rest[1:]); !ok || len(p) == 0 {
			return false
		}
		if p[0] == '}' {
			return len(p) == 1
		}
		if p[0] != ',' {
			return false
		}
	}
}

// fieldNamed returns the field called name, or nil. Objects mostly have their keys in the order of the struct, so it looks at
// fields[expected] first.
func fieldNamed(fields []flatField, name []byte, expected int) *flatField {
	if expected < len(fields) && fields[expected].named(name) {
		return &fields[expected]
	}
	for i := range fields {
		if fields[i].named(name) {
			return &fields[i]
		}
	}
	return nil
}

// named compares name, which has no escapes, with what stands between the quotes of f.key.
func (f *flatField) named(name []byte) bool { return f.key[2:len(f.key)-2] == string(name) }

// read sets a field to the value at the start of p, and returns what follows the value.
func (f *flatField) read(to reflect.Value, p []byte) (rest []byte, ok bool) {
	switch f.kind {
	case reflect.String:
		text, rest, ok := plainString(p)
		if ok {
			to.SetString(string(text))
		}
		return rest, ok
	case reflect.Bool:
		word := "true"
		if len(p) > 0 && p[0] == 'f' {
			word = "false"
		}
		end, err := jsontext.Literal(p, 0, word)
		if err == nil {
			to.SetBool(word == "true")
		}
		return p[end:], err == nil
	}
	end, err := jsontext.SkipNumber(p, 0)
	if err != nil {
		return nil, false
	}
	switch number := string(p[:end]); {
	case f.kind == reflect.Float64:
		var n float64
		if n, err = strconv.ParseFloat(number, 64); err == nil {
			to.SetFloat(n)
		}
	case to.CanInt():
		var n int64
		if n, err = strconv.ParseInt(number, 10, to.Type().Bits()); err == nil {
			to.SetInt(n)
		}
	default:
		var n uint64
		if n, err = strconv.ParseUint(number, 10, to.Type().Bits()); err == nil {
			to.SetUint(n)
		}
	}
	return p[end:], err == nil
}

// plainString returns the text of the string at the start of p if nothing in it is escaped, and what follows the string.
func plainString(p []byte) (text, rest []byte, ok bool) {
	if len(p) == 0 || p[0] != '"' {
		return nil, nil, false
	}
	end := jsontext.Plain(p, 1)
	if end == len(p) || p[end] != '"' || !utf8.Valid(p[1:end]) {
		return nil, nil, false
	}
	return p[1:end], p[end+1:], true
}
