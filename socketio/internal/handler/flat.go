package handler

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
)

// flat decodes objects of strings, numbers and booleans to a struct of such fields: what most events carry. It takes what
// is written as encoders write it, and leaves everything else to encoding/json, whose rules it keeps.
type flat struct {
	typ    reflect.Type
	fields []flatField
}

type flatField struct {
	name  string
	index int
	kind  reflect.Kind
}

// flatOf returns what decodes a t, nil if t is no such struct.
func flatOf(t reflect.Type) *flat {
	const most = 32 // names are looked for one by one
	if t.Kind() != reflect.Struct || t.NumField() == 0 || t.NumField() > most || decodesItself(t) {
		return nil
	}
	f := &flat{typ: t}
	names := make(map[string]bool)
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = field.Name
		}
		if !field.IsExported() || field.Anonymous || name == "-" || names[name] || options != "" && options != "omitempty" && options != "omitzero" ||
			!isScalar(field.Type.Kind()) || decodesItself(field.Type) || !isPlainName(name) {
			return nil
		}
		names[name] = true
		f.fields = append(f.fields, flatField{name: name, index: i, kind: field.Type.Kind()})
	}
	return f
}

func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(unmarshalerType) || p.Implements(textUnmarshalerType) || t == reflect.TypeFor[json.Number]()
}

func isScalar(k reflect.Kind) bool {
	switch k {
	case reflect.String, reflect.Bool, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// isPlainName reports whether encoding/json takes a field's name as it is.
func isPlainName(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// decode implements param's.
func (f *flat) decode(v codec.Value) (reflect.Value, error) {
	into := reflect.New(f.typ)
	out := into.Elem()
	if p, ok := v.Bytes(codec.JSON); ok && f.fill(out, p) {
		return out, nil
	}
	out.SetZero()
	err := v.Decode(into.Interface())
	return out, err
}

// fill is false if p is anything but the plainest.
func (f *flat) fill(out reflect.Value, p []byte) bool {
	if len(p) < len(`{"a":1}`) || p[0] != '{' {
		return false
	}
	for expected := 0; ; expected++ {
		name, rest, ok := plainString(p[1:])
		if !ok || len(rest) < 2 || rest[0] != ':' {
			return false
		}
		field := f.named(name, expected)
		if field == nil {
			return false // encoding/json may find one whose name is written otherwise
		}
		if p, ok = field.set(out.Field(field.index), rest[1:]); !ok || len(p) == 0 {
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

// named finds a field. Mostly they come in the order of the struct.
func (f *flat) named(name []byte, expected int) *flatField {
	if expected < len(f.fields) && f.fields[expected].name == string(name) {
		return &f.fields[expected]
	}
	for i := range f.fields {
		if f.fields[i].name == string(name) {
			return &f.fields[i]
		}
	}
	return nil
}

// set sets a field to the value that p begins with.
func (f *flatField) set(to reflect.Value, p []byte) (rest []byte, ok bool) {
	switch f.kind {
	case reflect.String:
		text, rest, ok := plainString(p)
		if ok {
			to.SetString(string(text))
		}
		return rest, ok
	case reflect.Bool:
		if len(p) >= 4 && string(p[:4]) == "true" {
			to.SetBool(true)
			return p[4:], true
		}
		if len(p) >= 5 && string(p[:5]) == "false" {
			to.SetBool(false)
			return p[5:], true
		}
		return nil, false
	}
	digits, rest, whole := plainNumber(p)
	if digits == nil {
		return nil, false
	}
	switch k := f.kind; {
	case k == reflect.Float64:
		n, err := strconv.ParseFloat(string(digits), 64)
		to.SetFloat(n)
		return rest, err == nil
	case !whole:
		return nil, false
	case reflect.Int <= k && k <= reflect.Int64:
		n, err := strconv.ParseInt(string(digits), 10, to.Type().Bits())
		to.SetInt(n)
		return rest, err == nil
	default:
		n, err := strconv.ParseUint(string(digits), 10, to.Type().Bits())
		to.SetUint(n)
		return rest, err == nil
	}
}

// plainString returns the text of the string that p begins with, if nothing of it is escaped.
func plainString(p []byte) (text, rest []byte, ok bool) {
	if len(p) == 0 || p[0] != '"' {
		return nil, nil, false
	}
	var high byte
	for i := 1; i < len(p); i++ {
		switch c := p[i]; {
		case c == '"':
			text = p[1:i]
			return text, p[i+1:], high < utf8.RuneSelf || utf8.Valid(text)
		case c == '\\' || c < ' ':
			return nil, nil, false
		default:
			high |= c
		}
	}
	return nil, nil, false
}

// plainNumber returns the number that p begins with, nil if it is none, or has an exponent.
func plainNumber(p []byte) (digits, rest []byte, whole bool) {
	i := 0
	if i < len(p) && p[i] == '-' {
		i++
	}
	first := i
	for i < len(p) && '0' <= p[i] && p[i] <= '9' {
		i++
	}
	if i == first || p[first] == '0' && i > first+1 {
		return nil, nil, false
	}
	whole = true
	if i < len(p) && p[i] == '.' {
		whole = false
		point := i
		for i++; i < len(p) && '0' <= p[i] && p[i] <= '9'; i++ {
		}
		if i == point+1 {
			return nil, nil, false
		}
	}
	if i < len(p) && (p[i] == 'e' || p[i] == 'E') {
		return nil, nil, false
	}
	return p[:i], p[i:], whole
}
