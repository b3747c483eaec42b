package codec

import (
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// maxFlatRead is the maximum number of fields of a struct that readFlat handles. The limit exists because
// readFlat searches for names linearly.
const maxFlatRead = 32

// readFlat sets the fields of the flat struct s from the object p, which must be valid JSON. It handles objects
// without white space, escapes and nulls whose keys are spelled exactly like the fields. For anything else it
// returns false. The caller then lets encoding/json decode p. That sets the fields that readFlat has set again,
// to the same values.
func readFlat(s reflect.Value, p []byte) bool {
	shape := shapeOf(s.Type())
	if !shape.flat || len(shape.fields.list) > maxFlatRead || len(p) < len(`{"a":1}`) || p[0] != '{' {
		return false
	}
	for expected := 0; ; expected++ {
		name, rest, ok := plainString(p[1:])
		if !ok || len(rest) < 2 || rest[0] != ':' {
			return false
		}
		f := shape.fields.named(name, expected)
		if f == nil {
			return false // encoding/json may find a field whose name differs in case
		}
		if p, ok = f.read(s.Field(f.index[0]), rest[1:]); !ok || len(p) == 0 {
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

// named returns the field called name, which has no escapes, or nil. Keys are usually in the order of the struct, so
// it looks at list[expected] first.
func (s *structFields) named(name []byte, expected int) *field {
	if expected < len(s.list) && s.list[expected].name == string(name) {
		return &s.list[expected]
	}
	for i := range s.list {
		if s.list[i].name == string(name) {
			return &s.list[i]
		}
	}
	return nil
}

// read sets a field to the value at the start of p and returns the bytes after the value.
func (f *field) read(to reflect.Value, p []byte) (rest []byte, ok bool) {
	switch f.shape.kind {
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
	case to.CanFloat():
		var n float64
		if n, err = strconv.ParseFloat(number, to.Type().Bits()); err == nil {
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

// plainString returns the text of the string at the start of p and the bytes after the string. ok is false if the
// string has escapes.
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
